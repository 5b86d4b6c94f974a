//! What a source lacks to be read exactly and cheaply, finding by finding, each with its remedy.

use serde::Serialize;

use super::audit_log::AuditLog;
use super::files::Files;
use super::link::Link;
use super::tables::Tables;
use super::{Kind, Opened};
use crate::error::Result;
use crate::state::statement;

/// How a check of a source ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// It works, but costs more or proves less than it could.
    Warn,
    /// It cannot be read exactly.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Finding {
    /// What was looked at; never renamed.
    #[schema(example = "first_trigger")]
    pub check: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What is the case.
    #[schema(
        example = "on `public.orders` the trigger `a_total` fires before `zz_audit`, which writes the log"
    )]
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "rename the log's trigger, so that its name sorts first")]
    pub remedy: Option<String>,
}

impl Finding {
    fn new(check: &'static str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self {
            check,
            verdict,
            detail: detail.into(),
            remedy: None,
        }
    }

    fn pass(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Verdict::Pass, detail)
    }

    fn warn(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(check, Verdict::Warn, detail)
        }
    }

    fn error(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(check, Verdict::Error, detail)
        }
    }
}

impl Opened<'_> {
    /// Looks at everything that reading the source exactly and cheaply needs; changes nothing.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::SourceUnavailable`], [`crate::error::Error::SourceUnreadable`],
    /// [`crate::error::Error::FilesUnavailable`].
    pub async fn check(&self) -> Result<Vec<Finding>> {
        match &self.kind {
            Kind::AuditLog(log) => of_log(log, &self.tables).await,
            Kind::Tables(tables) => of_tables(tables).await,
            Kind::Files(files) => of_files(files).await,
        }
    }
}

fn of_server(link: &Link<'_>) -> Vec<Finding> {
    let server = &link.server;
    let mut findings = Vec::new();
    findings.push(if server.sees_all {
        Finding::pass("sees_transactions", "the user may see when other sessions began their transactions")
    } else {
        Finding::warn(
            "sees_transactions",
            "the user may not see when other sessions began their transactions, so freshness and floors cannot be told",
            "grant pg_read_all_stats to the user of the connection",
        )
    });
    findings.push(if server.has_prepared {
        Finding::warn(
            "prepared_transactions",
            "there is a prepared transaction, which does not tell when it began; until it ends, freshness stays where it is",
            "commit it or roll it back; `pg_prepared_xacts` shows it",
        )
    } else {
        Finding::pass("prepared_transactions", "there is no prepared transaction")
    });
    findings.push(match (server.oldest_pid, server.oldest_open) {
        (Some(pid), Some(since)) if server.now.duration_since(since).as_mins() >= 10 => Finding::warn(
            "long_transactions",
            format!("the transaction of process {pid} is open since {since}; freshness does not pass that time"),
            "end it, or find out why it is left open",
        ),
        _ => Finding::pass("long_transactions", "no transaction that wrote is open for ten minutes"),
    });

    findings
}

async fn of_log(log: &AuditLog<'_>, tables: &[(String, String)]) -> Result<Vec<Finding>> {
    let link = &log.link;
    let found = &log.found;
    let mut findings = of_server(link);
    let looked_up = found
        .transaction
        .as_deref()
        .unwrap_or(&log.columns.event_id);
    let row = link
        .client
        .query_one(
            statement!("source/check_table.sql"),
            &[&found.oid, &looked_up],
        )
        .await
        .map_err(|cause| link.refused(cause))?;
    findings.push(may_select(row.get(0), log.table));
    let has_index: bool = row.get(1);
    findings.push(match &found.transaction {
        Some(column) if has_index => Finding::pass("transaction_column", format!("`{column}` tells which rows are new, and has an index")),
        Some(column) => Finding::warn(
            "transaction_column",
            format!("`{column}` tells which rows are new, but has no index, so each reading scans the log"),
            format!("give `{column}` an index, made concurrently"),
        ),
        None => Finding::warn(
            "transaction_column",
            "no column of the log has the writer's transaction, so rows are read again from the oldest one that was open",
            "add a column of type xid8 with the default pg_current_xact_id(), and an index on it",
        ),
    });
    findings.push(match found.sequence_cache {
        Some(1) if found.sequence_value.is_none() => Finding::warn(
            "sequence",
            "the user may not see how far the sequence of ids is, so it cannot be told up to which id nothing new appears",
            "grant select on the sequence to the user of the connection",
        ),
        Some(1) => Finding::pass("sequence", "the sequence hands out ids one at a time, so they follow the writes of a row"),
        Some(_) if log.is_by_clock => Finding::pass("sequence", "ids do not follow the writes of a row, but `source.order_by: occurred_at` does not ask them to"),
        Some(cache) => Finding::error(
            "sequence",
            format!("the sequence of `{}` hands out {cache} ids at a time, so ids do not follow the writes of a row", log.columns.event_id),
            "set the cache of the sequence to 1, or, where a clock tells the time of an event when it is written, `source.order_by: occurred_at`",
        ),
        None => Finding::warn(
            "sequence",
            format!("`{}` has no sequence of its own; whoever writes it must see to it that ids follow the writes of a row", log.columns.event_id),
            "make it an identity column, or a bigserial",
        ),
    });
    for (schema, table) in tables {
        findings.push(of_triggers(log, schema, table).await?);
    }

    Ok(findings)
}

async fn of_triggers(log: &AuditLog<'_>, schema: &str, table: &str) -> Result<Finding> {
    let link = &log.link;
    let name = format!(
        "{}.{}",
        crate::sql::identifier(schema),
        crate::sql::identifier(table)
    );
    let short = log.table.rsplit('.').next().unwrap_or_default();
    let row = link
        .client
        .query_one(statement!("source/check_triggers.sql"), &[&name, &short])
        .await
        .map_err(|cause| link.refused(cause))?;
    let (writer, earlier): (Option<String>, Option<String>) = (row.get(0), row.get(1));

    Ok(match (writer, earlier) {
        (None, _) => Finding::warn(
            "first_trigger",
            format!(
                "no trigger on `{schema}.{table}` writes `{short}` in its own words, so it cannot be told whether its events come in the order of the writes"
            ),
            format!("icefront audit-trigger --table {schema}.{table} prints one that does"),
        ),
        (Some(writer), Some(earlier)) => Finding::error(
            "first_trigger",
            format!(
                "on `{schema}.{table}` the trigger `{earlier}` fires before `{writer}`, which writes the log; what it changes in the same row is logged too early"
            ),
            "rename the log's trigger, so that its name sorts first",
        ),
        (Some(writer), None) => Finding::pass(
            "first_trigger",
            format!(
                "on `{schema}.{table}` the trigger `{writer}` writes the log before any other fires"
            ),
        ),
    })
}

async fn of_tables(tables: &Tables<'_>) -> Result<Vec<Finding>> {
    let link = &tables.link;
    let mut findings = of_server(link);
    if link.server.in_recovery {
        findings.push(Finding::error(
            "primary",
            "the server is a standby, which does not tell which transactions are open on its primary; rows that commit late may be skipped",
            "point the connection to the primary",
        ));
    }
    for found in &tables.tables {
        let from = &found.table.from;
        let row = link
            .client
            .query_one(
                statement!("source/check_table.sql"),
                &[&found.catalogue.oid, &found.cursor],
            )
            .await
            .map_err(|cause| link.refused(cause))?;
        findings.push(may_select(row.get(0), from));
        findings.push(if row.get(1) {
            Finding::pass(
                "cursor_index",
                format!("`{}` of `{from}` has an index", found.cursor),
            )
        } else {
            Finding::warn(
                "cursor_index",
                format!(
                    "`{}` of `{from}` has no index, so each reading scans the table",
                    found.cursor
                ),
                format!("give `{}` an index, made concurrently", found.cursor),
            )
        });
        findings.push(if row.get(2) {
            Finding::pass("cursor_not_null", format!("`{}` of `{from}` is never null", found.cursor))
        } else {
            Finding::warn(
                "cursor_not_null",
                format!("`{}` of `{from}` may be null; where it is, only the row's transaction tells that it changed", found.cursor),
                format!("make `{}` not null", found.cursor),
            )
        });
        findings.push(if found.catalogue.is_unique {
            Finding::pass("unique_key", format!("the key of `{from}` is unique"))
        } else {
            Finding::warn(
                "unique_key",
                format!("nothing keeps two rows of `{from}` from having the same key; of those the one with the highest `{}` is taken", found.cursor),
                format!("add a primary key or a unique constraint to {from}"),
            )
        });
    }

    Ok(findings)
}

async fn of_files(files: &Files<'_>) -> Result<Vec<Finding>> {
    let reading = files.begin(None).await?;
    let waiting = reading.files.len();

    Ok(vec![Finding::pass(
        "listing",
        format!("the folder can be listed; {waiting} files wait to be read"),
    )])
}

fn may_select(may: bool, table: &str) -> Finding {
    if may {
        return Finding::pass("select", format!("the user may read `{table}`"));
    }

    Finding::error(
        "select",
        format!("the user may not read `{table}`"),
        "grant the user of the connection to read it",
    )
}
