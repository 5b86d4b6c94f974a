//! `icefront rejects`: events that could not be taken.

use serde_json::{Map, Value, json};

use super::run::new_key;
use super::{Act, Client, limit};
use crate::answers::Reject;
use crate::fault::{Exit, Result};
use crate::names;
use crate::output::{Cell, Listed};
use crate::server::Call;
use crate::times;
use crate::waiting::Wait;

#[derive(Debug, clap::Args)]
pub struct Rejects {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: ListRejects,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List rejects, newest batch first
    List(ListRejects),
    /// Stage rejects again, after the data or the definition was corrected
    Replay(Which),
    /// Give rejects up: they stay in the landing table, and hold nothing back any more
    Dismiss(Which),
}

#[derive(Debug, clap::Args)]
struct ListRejects {
    #[command(flatten)]
    which: Filter,
    /// The most rejects
    #[arg(long, value_name = "ROWS", default_value_t = 50, value_parser = limit)]
    limit: usize,
}

#[derive(Debug, clap::Args)]
struct Filter {
    /// Only rejects of this pipeline
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Only rejects of this table
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Only rejects for this reason, such as `bad_value`
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The ids of the rejects; without ids, those of the filters
    ids: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    wait: Wait,
}

impl Act for Rejects {
    async fn act(self, client: &Client) -> Result<Exit> {
        match self.verb {
            None => self.list.act(client).await,
            Some(Verb::List(list)) => list.act(client).await,
            Some(Verb::Replay(which)) => which.start(client, "replay").await,
            Some(Verb::Dismiss(which)) => which.start(client, "dismiss").await,
        }
    }
}

impl ListRejects {
    async fn act(self, client: &Client) -> Result<Exit> {
        let Filter {
            pipeline,
            table,
            reason,
        } = self.which.resolved(client).await?;
        let call = Call::get(&["rejects"])
            .with("pipeline", pipeline)
            .with("table", table)
            .with("reason", reason);
        client
            .output
            .list::<Reject>(&client.server.list(call, self.limit).await?)?;

        Ok(Exit::Succeeded)
    }
}

impl Filter {
    /// The filter with the full name of its table.
    async fn resolved(self, client: &Client) -> Result<Self> {
        let table = match self.table {
            Some(name) => Some(names::table(&client.server, &name).await?.name),
            None => None,
        };

        Ok(Self { table, ..self })
    }
}

impl Which {
    async fn start(self, client: &Client, verb: &str) -> Result<Exit> {
        let Filter {
            pipeline,
            table,
            reason,
        } = self.filter.resolved(client).await?;
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value.into());
            }
        };
        put("pipeline", pipeline);
        put("table", table);
        put("reason", reason);
        if !self.ids.is_empty() {
            body.insert("ids".to_owned(), json!(self.ids));
        }
        let key = new_key();
        let started = client
            .server
            .call(
                Call::post(&["rejects", verb])
                    .body(Value::Object(body))
                    .key(&key),
            )
            .await?;

        self.wait.tell(client, started).await
    }
}

impl Listed for Reject {
    const HEAD: &'static [&'static str] = &[
        "REJECT",
        "TABLE",
        "REASON",
        "COLUMN",
        "VALUE",
        "OPERATION",
        "OCCURRED",
    ];

    fn name(&self) -> &str {
        &self.id
    }

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::text(&self.id),
            Cell::text(&self.table),
            Cell::maybe(self.reason.as_deref()),
            Cell::maybe(self.column.as_deref()),
            Cell::maybe(self.value.as_deref()),
            Cell::maybe(self.operation.as_deref()),
            Cell::maybe(self.occurred_at.map(times::shown)),
        ]
    }
}
