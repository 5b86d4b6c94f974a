//! Compares a model's table with its query over what the last refresh read.

use icefront_project::Materialized;
use icefront_scopes::Query;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Analysis;
use super::analysis::plainly;
use super::refresh::{Refresh, Refreshing};
use crate::error::{Error, Result};
use crate::sql::render;
use crate::state::ModelColumn;

/// What was compared, and the rows that differ.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Verified {
    /// Columns that may differ when the query runs again over the same rows.
    pub columns_not_reproducible: i64,
    pub rows_missing: i64,
    pub rows_unexpected: i64,
}

/// The context of `models/verify.sql`.
#[derive(Serialize)]
struct VerifyContext<'a> {
    columns: &'a [&'a ModelColumn],
    at: &'a str,
    sql: &'a str,
}

#[derive(Deserialize)]
struct VerifyRow {
    missing: i64,
    unexpected: i64,
}

/// Counts the rows of a model's table that are not those of its query over what the last refresh read. Fails with
/// [`Error::VerifyFailed`] if there are some. Gives nothing for a view, before the first refresh, and where no column is reproducible.
pub async fn verify(model: Refreshing<'_>) -> Result<Option<Verified>> {
    verify_strictly(model, true).await
}

/// As [`verify`], but gives nothing for a model that cannot be compared without doubt: its definition changed, its query is not
/// understood, rows tie, or a snapshot is gone.
pub async fn verify_if_certain(model: Refreshing<'_>) -> Result<Option<Verified>> {
    match verify_strictly(model, false).await {
        Err(Error::ModelBroken { .. }) => Ok(None),
        Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => Ok(None),
        verified => verified,
    }
}

async fn verify_strictly(model: Refreshing<'_>, with_ties: bool) -> Result<Option<Verified>> {
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
    let has_ties = analysis.query.as_ref().is_ok_and(Query::has_ties);
    if has_ties && !with_ties {
        return Ok(None);
    }
    let left_out = refresh.not_reproducible_columns(&analysis);
    let columns: Vec<&ModelColumn> = refresh
        .state
        .columns
        .iter()
        .filter(|column| !left_out.contains(&column.name))
        .collect();
    if columns.is_empty() {
        return Ok(None);
    }
    let row: VerifyRow = model
        .publisher
        .row(
            "models/verify.sql",
            VerifyContext {
                columns: &columns,
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
        columns_not_reproducible: i64::try_from(left_out.len()).map_err(Error::internal)?,
        rows_missing: 0,
        rows_unexpected: 0,
    }))
}

impl Refresh<'_> {
    /// The columns of the model's table that may differ when the query runs again over the same rows.
    pub(super) fn not_reproducible_columns(&self, analysis: &Analysis) -> Vec<String> {
        let names = || self.state.columns.iter();
        let Ok(query) = &analysis.query else {
            return Vec::new();
        };
        let Some(mut loose) = query.not_reproducible_columns() else {
            return names().map(|column| column.name.clone()).collect();
        };
        // The sum of floating-point numbers depends on their order.
        let is_sum = |column: &&ModelColumn| {
            query.has_sums() && matches!(column.data_type.as_str(), "double" | "real")
        };
        loose.extend(names().filter(is_sum).map(|column| column.name.clone()));

        names()
            .map(|column| column.name.clone())
            .filter(|name| loose.iter().any(|loose| loose.eq_ignore_ascii_case(name)))
            .collect()
    }
}
