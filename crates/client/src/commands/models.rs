//! `icefront models`: the SQL models.

use serde_json::Value;

use super::run::new_key;
use super::{Act, Client, limit};
use crate::answers::{Model, ModelSql};
use crate::fault::{Exit, Fault, Result};
use crate::names;
use crate::output::{Cell, Listed};
use crate::server::Call;
use crate::text;
use crate::waiting::Wait;

#[derive(Debug, clap::Args)]
pub struct Models {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Only models of this pipeline
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Only models with this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// The most models
    #[arg(long, value_name = "ROWS", default_value_t = 1_000, value_parser = limit)]
    limit: usize,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show a model: how it is kept and refreshed, and why
    Show(OneModel),
    /// Print the SQL of a model, as Jinja rendered it
    Sql(Sql),
    /// Refresh a model, and no other
    Refresh(Refresh),
}

#[derive(Debug, clap::Args)]
struct OneModel {
    /// The model
    model: String,
}

#[derive(Debug, clap::Args)]
struct Sql {
    #[command(flatten)]
    one: OneModel,
    /// Print the file as it is
    #[arg(long, conflicts_with = "sent")]
    source: bool,
    /// Print what the last refresh sent to Trino
    #[arg(long)]
    sent: bool,
}

#[derive(Debug, clap::Args)]
struct Refresh {
    #[command(flatten)]
    one: OneModel,
    #[command(flatten)]
    wait: Wait,
}

impl OneModel {
    async fn name(&self, client: &Client) -> Result<String> {
        names::model(&client.server, &self.model).await
    }
}

impl Act for Models {
    async fn act(self, client: &Client) -> Result<Exit> {
        match self.verb {
            None => {
                let call = Call::get(&["models"])
                    .with("pipeline", self.pipeline)
                    .with("tag", self.tag);
                let list = client.server.list(call, self.limit).await?;
                client.output.list::<Model>(&list)?;
                if list.rows.is_empty() {
                    eprintln!(
                        "no models; write one as `models/<name>.sql` in the folder of a pipeline, such as `select … from {{{{ ref('orders') }}}}`, and start the service again"
                    );
                }
            }
            Some(Verb::Show(one)) => {
                let name = one.name(client).await?;
                show(
                    client,
                    &client.server.call(Call::get(&["models", &name])).await?,
                )?;
            }
            Some(Verb::Sql(sql)) => sql.act(client).await?,
            Some(Verb::Refresh(refresh)) => {
                let name = refresh.one.name(client).await?;
                let key = new_key();
                let started = client
                    .server
                    .call(Call::post(&["models", &name, "refresh"]).key(&key))
                    .await?;
                return refresh.wait.tell(client, started).await;
            }
        }

        Ok(Exit::Succeeded)
    }
}

impl Listed for Model {
    const HEAD: &'static [&'static str] = &["MODEL", "KEPT AS", "ROWS", "TAGS", "STATE"];

    fn name(&self) -> &str {
        &self.name
    }

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::text(&self.name),
            Cell::text(&self.materialized),
            Cell::number(self.rows),
            Cell::text(self.tags.join(", ")),
            Cell::word(if self.suspended { "suspended" } else { "" }),
        ]
    }
}

fn show(client: &Client, model: &Value) -> Result<()> {
    let out = client.output;
    let joined = |names: &[String]| (!names.is_empty()).then(|| text::one_line(&names.join(", ")));

    out.one(
        model,
        |model: &Model| model.name.clone(),
        |model| {
            let refresh = model.refresh.as_ref();
            out.pairs(&[
                ("model", Some(text::one_line(&model.name))),
                ("kept as", Some(text::one_line(&model.materialized))),
                ("in Trino", model.trino_table.as_deref().map(text::one_line)),
                ("file", model.file.as_deref().map(text::one_line)),
                ("reads", joined(&model.depends_on)),
                ("tags", joined(&model.tags)),
                ("rows", model.rows.map(text::count)),
                ("state", model.suspended.then(|| out.word("suspended"))),
                (
                    "refreshed",
                    refresh.map(|refresh| text::one_line(&refresh.mode)),
                ),
                (
                    "by scopes of",
                    refresh.and_then(|refresh| joined(&refresh.scope_columns)),
                ),
                (
                    "because",
                    refresh
                        .and_then(|refresh| refresh.detail.as_deref())
                        .map(text::one_line),
                ),
                ("means", model.description.as_deref().map(text::one_line)),
            ])
        },
    )
}

impl Sql {
    async fn act(self, client: &Client) -> Result<()> {
        let name = self.one.name(client).await?;
        let answer = client
            .server
            .call(Call::get(&["models", &name, "sql"]))
            .await?;
        let out = client.output;

        out.one(&answer, |_: &ModelSql| name.clone(), |sql| {
            if !self.sent {
                let text = if self.source { &sql.source } else { &sql.rendered };
                return out.line(text::clean(text).trim_end());
            }
            let sent = sql.sent.as_ref().ok_or_else(|| {
                Fault::Usage(format!("`{name}` was never refreshed; refresh it by `icefront models refresh {name}`"))
            })?;
            sent.statements.iter().try_for_each(|sent| out.line(&super::runs::statement(&name, sent)))
        })
    }
}
