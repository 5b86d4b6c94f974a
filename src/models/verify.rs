//! Compares a model's table with its query over what the last refresh read.

use icefront_project::Materialized;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::analysis::plainly;
use super::refresh::{Refresh, Refreshing};
use crate::error::{Error, Result};
use crate::sql::render;
use crate::state::ModelColumn;

/// The rows that differ.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Verified {
    pub rows_missing: i64,
    pub rows_unexpected: i64,
}

/// The context of `models/verify.sql`.
#[derive(Serialize)]
struct VerifyContext<'a> {
    columns: &'a [ModelColumn],
    at: &'a str,
    sql: &'a str,
}

#[derive(Deserialize)]
struct VerifyRow {
    missing: i64,
    unexpected: i64,
}

/// Counts the rows of a model's table that are not those of its query over what the last refresh read. Fails with
/// [`Error::VerifyFailed`] if there are some. Gives nothing for a view, and before the first refresh.
pub async fn verify(model: Refreshing<'_>) -> Result<Option<Verified>> {
    let refresh = Refresh::begin(model).await?;
    if model.model.config.materialized == Materialized::View {
        return Ok(None);
    }
    let Some(reading) = &refresh.state.reading else {
        return Ok(None);
    };
    if refresh.state.made_of.as_ref() != Some(&refresh.made_of) {
        return Err(refresh.broken(
            "its definition or the columns of its inputs changed since the last refresh; refresh it first",
        ));
    }
    let analysis = refresh.analysis().await?;
    if let Err(reason) = &analysis.query {
        return Err(refresh.broken(format!(
            "its query cannot be asked at the snapshots of the last refresh: {}",
            plainly(reason)
        )));
    }
    let row: VerifyRow = model
        .publisher
        .row(
            "models/verify.sql",
            VerifyContext {
                columns: &refresh.state.columns,
                at: &render("models/table.sql", json!({"table": refresh.table}))?,
                sql: &refresh.query_at(&analysis, reading)?,
            },
        )
        .await?;
    if row.missing > 0 || row.unexpected > 0 {
        return Err(Error::VerifyFailed {
            kind: "model",
            origin: "query",
            remedy: format!(
                "A run with `{{\"select\": [\"{}\"], \"full_refresh\": true}}` makes it again",
                refresh.id.name
            ),
            table: refresh.id.to_string(),
            detail: format!(
                "at the snapshots of the last refresh: rows missing {}, unexpected {}",
                row.missing, row.unexpected
            ),
        });
    }

    Ok(Some(Verified {
        rows_missing: 0,
        rows_unexpected: 0,
    }))
}
