//! The rights that reading a source needs, asked by names, because without them its tables cannot even be found.

use super::Finding;
use crate::error::Result;
use crate::pipeline::{Definition, Source, SourceTable};
use crate::source::connections::Connections;
use crate::source::session::Session;
use crate::state::statement;

/// Finds the rights on schemas and tables that are there, and those that are not. Of folders there are none to ask for.
pub(super) async fn of(definition: &Definition, connections: &Connections) -> Result<Vec<Finding>> {
    let Some(connection) = definition.source.connection() else {
        return Ok(Vec::new());
    };
    let session = Session::open(connection, (connections, &definition.name)).await?;
    let tracked = definition.tables.values().map(|table| &table.source);
    let mut findings = Vec::new();
    if let Source::PostgresAuditLog { table, .. } = &definition.source {
        findings.extend(of_table(&session, table, Need::Always).await?);
        for table in tracked {
            findings.extend(of_table(&session, table, Need::First).await?);
        }
    } else {
        for table in tracked {
            findings.extend(of_table(&session, table, Need::Rows).await?);
        }
    }

    Ok(findings)
}

/// What a table is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Always,
    /// By every extraction, which asks each row for the transaction that wrote it.
    Rows,
    /// Once, for the rows that are older than their log.
    First,
}

async fn of_table(session: &Session<'_>, table: &SourceTable, need: Need) -> Result<Vec<Finding>> {
    let schema = &table.schema;
    let row = session
        .client
        .query_opt(
            statement!("source/rights.sql"),
            &[&table.schema, &table.name],
        )
        .await
        .map_err(|cause| session.refused(cause))?;
    let Some(row) = row else {
        return Ok(match need {
            Need::Always | Need::Rows => vec![Finding::error(
                "table",
                format!("there is no table `{table}` in the database of the connection"),
                "mend the name in the pipeline, or `url` of the connection",
            )],
            Need::First => vec![Finding::warn(
                "table",
                format!(
                    "there is no table `{table}` in the database of the connection; what its log holds is read, and nothing else of it"
                ),
                "mend the name in the pipeline, unless the table is gone",
            )],
        });
    };
    let lacks = |check, detail: String, remedy: String| match need {
        Need::Always | Need::Rows => Finding::error(check, detail, remedy),
        Need::First => Finding::warn(
            check,
            format!("{detail}; rows that are older than their log are not loaded"),
            remedy,
        ),
    };
    let (may_use, may_select, is_hidden, is_table): (bool, bool, bool, bool) =
        (row.get(0), row.get(1), row.get(2), row.get(3));
    let mut findings = vec![
        if may_use {
            Finding::pass("schema", format!("the user may use schema `{schema}`"))
        } else {
            lacks(
                "schema",
                format!("the user may not use schema `{schema}`"),
                format!("grant usage on schema `{schema}` to the user of the connection"),
            )
        },
        if may_select {
            Finding::pass("select", format!("the user may read `{table}`"))
        } else {
            lacks(
                "select",
                format!("the user may not read `{table}`"),
                format!("grant select on `{table}` to the user of the connection"),
            )
        },
    ];
    if need == Need::Rows && !is_table {
        findings.push(Finding::error(
            "table",
            format!("`{table}` is a view or a foreign table, whose rows do not tell which transaction wrote them"),
            "name the table behind it",
        ));
    }
    if is_hidden {
        findings.push(Finding::error(
            "row_security",
            format!(
                "policies decide which rows of `{table}` the user sees, so it is not read: what is hidden would count as deleted"
            ),
            "give the user `bypassrls`; what is not to be read, leave out by `where`",
        ));
    }

    Ok(findings)
}
