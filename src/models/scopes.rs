//! Finds the scopes of a model that changes of its inputs can have affected.

use icefront_scopes::Column;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::analysis::kept;
use super::changed_rows::Named;
use super::given::GivenRows;
use super::refresh::{NotIncremental, Refresh};
use crate::error::{Class, Error, Result};
use crate::landing;
use crate::pipeline::Names;
use crate::sql::{TableName, render};

/// More scopes than this are kept in a table, not in a list.
pub(super) const MOST_LISTED: usize = 500;
/// In characters. The list may stand in a statement several times, and Trino takes a million.
const LONGEST_LIST: usize = 50_000;
/// From this share of the model's rows on, all of it is computed at once.
const LARGEST_SHARE: f64 = 0.5;
/// A smaller model is not worth a look at shares.
const SMALLEST_SHARED: i64 = 10_000;

/// The context of `models/affected.sql` and `models/scopes.sql`.
#[derive(Serialize)]
struct AffectedContext<'a> {
    scope: &'a [Named<'a>],
    affected: &'a str,
    most: usize,
    scopes: &'a TableName,
}

/// The context of `models/count_scopes.sql`.
#[derive(Serialize)]
struct CountScopesContext<'a> {
    scope: &'a [Named<'a>],
    scopes: &'a TableName,
}

#[derive(Deserialize)]
struct CountScopesRow {
    scopes: i64,
    with_null: i64,
}

/// The scopes that a refresh computes again.
pub(super) struct Scopes {
    /// As they stand in FROM.
    pub(super) text: String,
    pub(super) count: i64,
    pub(super) with_null: bool,
    pub(super) is_table: bool,
}

impl Refresh<'_> {
    /// Finds the affected scopes; `None` if there are none.
    pub(super) async fn scopes(
        &self,
        scope: Vec<&Column>,
        affected: &str,
    ) -> Result<Option<Scopes>, NotIncremental> {
        let publisher = self.model.publisher;
        let table = Names::scopes(&self.table);
        let names: Vec<Named<'_>> = scope
            .iter()
            .map(|column| Named { name: &column.name })
            .collect();
        let find = self.affected_sql("models/affected.sql", &names, affected)?;
        let found = publisher.read(&find).await.map_err(refused)?;
        if found.is_empty() {
            return Ok(None);
        }
        if found.len() <= MOST_LISTED {
            let rows: Vec<Vec<Option<String>>> = found
                .iter()
                .map(|row| row.iter().map(text).collect())
                .collect();
            let with_null = rows.iter().flatten().any(Option::is_none);
            let count = i64::try_from(rows.len()).map_err(Error::internal)?;
            let columns: Vec<Column> = scope.into_iter().cloned().collect();
            let text = GivenRows {
                columns: &kept(&columns),
                rows,
            }
            .text()?;
            if text.len() <= LONGEST_LIST {
                return Ok(Some(Scopes {
                    text,
                    count,
                    with_null,
                    is_table: false,
                }));
            }
        }
        publisher.resolve(&table).await?;
        let keep = self.affected_sql("models/scopes.sql", &names, affected)?;
        publisher.run(&table, &keep).await.map_err(refused)?;
        let context = CountScopesContext {
            scope: &names,
            scopes: &table,
        };
        let counted: CountScopesRow = publisher.row("models/count_scopes.sql", context).await?;
        if let Err(too_many) = self.check_share(counted.scopes) {
            landing::drop_table(publisher, &table).await?;
            return Err(too_many);
        }

        Ok(Some(Scopes {
            count: counted.scopes,
            with_null: counted.with_null > 0,
            ..self.kept_scopes()?
        }))
    }

    /// The statement that finds the affected scopes, or keeps them.
    pub(super) fn affected_sql(
        &self,
        statement: &str,
        scope: &[Named<'_>],
        affected: &str,
    ) -> Result<String> {
        let context = AffectedContext {
            scope,
            affected,
            most: MOST_LISTED + 1,
            scopes: &Names::scopes(&self.table),
        };

        render(statement, context)
    }

    /// Scopes that are kept in a table.
    pub(super) fn kept_scopes(&self) -> Result<Scopes> {
        let table = Names::scopes(&self.table);

        Ok(Scopes {
            text: render("models/table.sql", serde_json::json!({"table": table}))?,
            count: 0,
            with_null: false,
            is_table: true,
        })
    }

    /// Most of the model is computed faster as a whole.
    #[expect(clippy::cast_precision_loss, reason = "a share of a count")]
    fn check_share(&self, scopes: i64) -> Result<(), NotIncremental> {
        let rows = self.state.rows.unwrap_or_default();
        if rows > SMALLEST_SHARED && scopes as f64 > rows as f64 * LARGEST_SHARE {
            return Err(NotIncremental::Full(format!(
                "{scopes} scopes are affected, and the table has {rows} rows"
            )));
        }

        Ok(())
    }
}

/// A value of an answer as a text that can be cast to its type; `None` for null.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A query of the analysis may ask for more than Trino takes, or read a snapshot that is gone. Then the model is computed in full.
pub(super) fn refused(error: Error) -> NotIncremental {
    let is_fault = error.class() == Class::Fault;
    match error {
        // The message may quote values, and a reason is kept.
        Error::Trino(failure) if is_fault => {
            tracing::info!(
                query_id = failure.query_id,
                message = failure.message,
                "Trino refused the query of an incremental refresh"
            );
            NotIncremental::Full(format!(
                "Trino refused the incremental query `{}` with {}",
                failure.query_id, failure.name
            ))
        }
        error => NotIncremental::Failed(error),
    }
}
