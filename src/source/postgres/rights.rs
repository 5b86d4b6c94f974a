//! The rights that reading a source needs. The check asks by name, because a table without rights is not even found.

use super::connections::{Connections, PipelineConnection};
use super::row::value;
use super::session::Session;
use crate::error::{Result, did_you_mean};
use crate::pipeline::{Definition, SourceTable};
use crate::source::finding::Finding;
use crate::sql::statement;

/// Finds the rights on schemas and tables that the user has, and those that it lacks; empty for drop folders.
pub(in crate::source) async fn check_rights(
    definition: &Definition,
    connections: &Connections,
) -> Result<Vec<Finding>> {
    let Some(name) = definition.source.connection() else {
        return Ok(Vec::new());
    };
    let session = Session::open(PipelineConnection {
        connections,
        name,
        pipeline: &definition.name,
    })
    .await?;
    let mut findings = Vec::new();
    let log = definition.source.table();
    if let Some(log) = log {
        findings.extend(check_table(&session, log, Need::AuditLog).await?);
    }
    let need = match log {
        Some(_) => Need::Backfill,
        None => Need::Polled,
    };
    for table in definition.tables.values() {
        findings.extend(check_table(&session, &table.source, need).await?);
    }

    Ok(findings)
}

/// What a table is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    AuditLog,
    /// Every extraction reads the transaction that wrote each row.
    Polled,
    /// Once, for the rows that are older than the audit log.
    Backfill,
}

/// What a user may do with a table.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the server tells each of them apart"
)]
struct TableRights {
    may_use_schema: bool,
    may_select: bool,
    /// Whether policies of row-level security apply to the user.
    is_hidden: bool,
    /// Whether it is a table, not a view or a foreign table.
    is_table: bool,
}

impl TableRights {
    /// Asks for the rights on a table; none if there is no such table.
    async fn of(session: &Session<'_>, table: &SourceTable) -> Result<Option<Self>> {
        let row = session
            .query_opt(
                statement!("source/rights.sql"),
                &[&table.schema, &table.name],
            )
            .await?;

        row.map(|row| {
            Ok(Self {
                may_use_schema: value(&row, "may_use_schema")?,
                may_select: value(&row, "may_select")?,
                is_hidden: value(&row, "is_hidden")?,
                is_table: value(&row, "is_table")?,
            })
        })
        .transpose()
    }
}

async fn check_table(
    session: &Session<'_>,
    table: &SourceTable,
    need: Need,
) -> Result<Vec<Finding>> {
    let schema = &table.schema;
    let Some(rights) = TableRights::of(session, table).await? else {
        let rows = session
            .query(statement!("source/names.sql"), &[&table.schema])
            .await?;
        let names = rows.iter().map(|row| value::<String>(row, "name"));
        let names = names.collect::<Result<Vec<_>>>()?;
        let near = did_you_mean(&table.name, names.iter().map(String::as_str));
        return Ok(vec![missing(table, need, &near)]);
    };
    let lacks = |check, detail: String, remedy: String| match need {
        Need::AuditLog | Need::Polled => Finding::error(check, detail, remedy),
        Need::Backfill => Finding::warn(
            check,
            format!("{detail}, so rows that are older than the audit log are not read"),
            remedy,
        ),
    };
    let mut findings = vec![
        if rights.may_use_schema {
            Finding::pass("schema", format!("the user may use schema `{schema}`"))
        } else {
            lacks(
                "schema",
                format!("the user may not use schema `{schema}`"),
                format!("grant usage on schema `{schema}` to the user of the connection"),
            )
        },
        if rights.may_select {
            Finding::pass("select", format!("the user may read `{table}`"))
        } else {
            lacks(
                "select",
                format!("the user may not read `{table}`"),
                format!("grant select on `{table}` to the user of the connection"),
            )
        },
    ];
    if need == Need::Polled && !rights.is_table {
        findings.push(Finding::error(
            "table",
            format!(
                "`{table}` is a view or a foreign table, and its rows do not tell which transaction wrote them"
            ),
            "name the table behind it",
        ));
    }
    if rights.is_hidden {
        findings.push(Finding::error(
            "row_security",
            format!(
                "row-level security decides which rows of `{table}` the user sees, so it is not read: hidden rows would count as deleted"
            ),
            "give the user `bypassrls`; use `where` to leave rows out",
        ));
    }

    Ok(findings)
}

fn missing(table: &SourceTable, need: Need, near: &str) -> Finding {
    let detail = format!("there is no table `{table}` in the database of the connection{near}");
    match need {
        Need::AuditLog | Need::Polled => Finding::error(
            "table",
            detail,
            "correct the name in the pipeline, or `url` of the connection",
        ),
        Need::Backfill => Finding::warn(
            "table",
            format!("{detail}, so only its events in the audit log are read"),
            "correct the name in the pipeline, unless the table is gone",
        ),
    }
}
