//! A model that is a view in Trino.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::refresh::Refresh;
use crate::error::Result;
use crate::landing;
use crate::sql::{TableName, render};
use crate::state::{RefreshAction, Refreshed};

/// The context of `models/create_view.sql`.
#[derive(Serialize)]
struct ViewContext<'a> {
    view: &'a TableName,
    sql: &'a str,
}

/// The row of `marts/kind.sql`.
#[derive(Deserialize)]
struct KindRow {
    table_type: String,
}

impl Refresh<'_> {
    /// Makes the view, unless it is there as its definition says.
    pub(super) async fn make_view(&self) -> Result<Refreshed> {
        let reading = self.present.as_reading(self.model.as_of);
        self.refuse_hidden_reads().await?;
        let Some(reason) = self.whole_because() else {
            return self.keep(reading, RefreshAction::View, None).await;
        };
        let publisher = self.model.publisher;
        self.take_place().await?;
        self.drop_if("BASE TABLE").await?;
        let create = self.view_sql()?;
        let refreshed = self.kept(reading, RefreshAction::View, Some(reason));
        publisher.store.begin_refresh(&self.id, &refreshed).await?;
        publisher.run(&self.table, &create).await?;
        self.record(refreshed.clone(), None, None, &[]).await?;

        Ok(refreshed)
    }

    /// Refuses a view that may read a schema which the settings do not allow, now or later: Trino leaves out of a plan what a condition
    /// excludes today.
    async fn refuse_hidden_reads(&self) -> Result<()> {
        if !self.model.definition.allowed.limits_schemas() {
            return Ok(());
        }
        self.refuse_reads(&self.model.model.sql).await?;
        if self.analysis().await?.query.is_ok() {
            return Ok(());
        }

        Err(self.broken(
            "Icefront cannot tell which schemas this view reads, and the settings limit the schemas of this pipeline; use `ref` and `source`, simplify the query, or materialize it as a table",
        ))
    }

    /// The statement that makes the view.
    pub(super) fn view_sql(&self) -> Result<String> {
        render(
            "models/create_view.sql",
            ViewContext {
                view: &self.table,
                sql: &self.model.model.sql,
            },
        )
    }

    /// Makes the schema of a model that is new in it, and refuses a place where something of somebody else stands.
    pub(super) async fn take_place(&self) -> Result<()> {
        if self.has_its_place() {
            return Ok(());
        }
        let was_begun = self.state.sent.as_ref();
        let was_begun =
            was_begun.is_some_and(|sent| sent.made_of["table"] == self.made_of["table"]);
        if !was_begun && self.kind().await?.is_some() {
            return Err(self.broken(format!(
                "`{}` exists already, and this model did not make it; rename or drop it, or change the `alias` of the model",
                self.table
            )));
        }

        landing::create_schema(self.model.publisher, &self.table).await
    }

    /// What stands in the place of the model, in Trino's words.
    async fn kind(&self) -> Result<Option<String>> {
        self.kind_of(&self.table).await
    }

    /// What has this name in Trino, in its words.
    pub(super) async fn kind_of(&self, name: &TableName) -> Result<Option<String>> {
        let [catalog, schema, table] = [0, 1, 2].map(|part| name.0[part].to_lowercase());
        let context = json!({
            "tables_of": [catalog, "information_schema", "tables"],
            "schema": schema,
            "table": table,
        });
        let found: Vec<KindRow> = self.model.publisher.rows("marts/kind.sql", context).await?;

        Ok(found.into_iter().next().map(|found| found.table_type))
    }

    /// Drops what is in the place of the model if it is of this kind, in Trino's words. True if it was.
    pub(super) async fn drop_if(&self, kind: &str) -> Result<bool> {
        let publisher = self.model.publisher;
        if self.kind().await?.as_deref() != Some(kind) {
            return Ok(false);
        }
        if kind == "BASE TABLE" {
            publisher.refuse_table_of_others(&self.table).await?;
        }
        let drop = json!({"table": self.table, "is_view": kind == "VIEW"});
        let drop = render("models/drop.sql", drop)?;
        publisher.run(&self.table, &drop).await?;

        Ok(true)
    }
}
