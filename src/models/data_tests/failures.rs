//! The rows that fail a test, kept in a table: `store_failures`.

use serde::Serialize;

use super::context::TestContext;
use crate::error::{Error, Result};
use crate::models::refresh::Refresh;
use crate::sql::{TableName, render};

/// The context of `models/keep_failures.sql`.
#[derive(Serialize)]
pub(super) struct KeepContext<'a> {
    pub(super) table: &'a TableName,
    pub(super) new_rows: &'a str,
    pub(super) all_rows: &'a str,
    pub(super) test: &'a TestContext<'a>,
}

impl Refresh<'_> {
    /// Keeps the rows that fail a test in a table, and gives its snapshot; `None` if Trino refuses it.
    pub(super) async fn keep_failures(&self, context: KeepContext<'_>) -> Result<Option<String>> {
        let publisher = self.model.publisher;
        let table = context.table;
        publisher.resolve(table).await?;
        let is_ours = publisher
            .store
            .has_written(publisher.pipeline, &table.to_string())
            .await?;
        if !is_ours && self.kind_of(table).await?.is_some() {
            tracing::warn!(model = %self.id, %table, "failing rows were not kept: somebody else made a table of this name");
            return Ok(None);
        }
        let keep = render("models/keep_failures.sql", &context)?;
        match publisher.remake_unrecorded(table, &keep).await {
            Ok(committed) => {
                publisher.record(&committed).await?;
                Ok(committed.snapshot)
            }
            Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => {
                let query_id = failure.query_id.as_str();
                tracing::warn!(model = %self.id, %table, query_id, "failing rows were not kept, because Trino refused their table");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
