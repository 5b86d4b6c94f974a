//! The SQL that the owner of the tables runs in the source: the audit log, its triggers, and the rights that the user lacks.

use icefront_client::text::one_line;
use icefront_generate::{AuditTrigger, QualifiedName};
use serde::Serialize;

use super::choice::trigger_names;
use super::draft::Draft;
use super::fault::invalid;
use super::files::{Folder, SQL};
use super::log::Log;
use crate::error::{Error, Result};
use crate::pipeline::SourceTable;
use crate::sql::{identifier, render};

#[derive(Serialize)]
struct Begin<'a> {
    pipeline: &'a str,
    connection: String,
    file: String,
}

#[derive(Serialize)]
struct ReadLog<'a> {
    user: &'a str,
    log: [&'a str; 2],
    quoted_log: String,
}

#[derive(Serialize)]
struct ReadTable<'a> {
    user: &'a str,
    table: [&'a str; 2],
}

#[derive(Serialize)]
struct SeeTransactions<'a> {
    user: &'a str,
}

impl Draft<'_> {
    /// What the source needs; `None` if it needs nothing.
    pub(super) fn owner_sql(
        &self,
        sees_transactions: bool,
        folder: &Folder,
    ) -> Result<Option<String>> {
        let user = self.user.as_str();
        let mut parts = Vec::new();
        if let Some(log) = &self.log {
            parts.extend(self.triggers(log)?);
            if !log.may_read {
                let read_log = ReadLog {
                    user,
                    log: dotted(&log.name),
                    quoted_log: format!(
                        "{}.{}",
                        identifier(&log.name.schema),
                        identifier(&log.name.name)
                    ),
                };
                parts.push(render("init/read_log.sql", read_log)?);
            }
        }
        for table in &self.tables {
            if !table.chosen.found.may_read {
                let table = dotted(&table.chosen.found.name);
                parts.push(render("init/read_table.sql", ReadTable { user, table })?);
            }
        }
        if !sees_transactions {
            parts.push(render(
                "init/see_transactions.sql",
                SeeTransactions { user },
            )?);
        }
        if parts.is_empty() {
            return Ok(None);
        }
        let begin = Begin {
            pipeline: self.pipeline,
            connection: one_line(self.connection),
            file: one_line(&folder.file(SQL).to_string_lossy()),
        };
        parts.insert(0, render("init/begin.sql", begin)?);
        let parts: Vec<&str> = parts.iter().map(|part| part.trim_end()).collect();

        Ok(Some(format!("{}\n", parts.join("\n\n"))))
    }

    /// The audit log, then the triggers of each table in a transaction of its own, so that no table is locked for long.
    fn triggers(&self, log: &Log) -> Result<Vec<String>> {
        let broken = |fault: String| invalid("audit_table", fault);
        let log_name = QualifiedName {
            schema: log.name.schema.parse().map_err(Error::internal)?,
            name: log.name.name.parse().map_err(Error::internal)?,
        };
        let mut scripts = Vec::new();
        for table in &self.tables {
            let chosen = &table.chosen;
            let (table, key) =
                trigger_names(&chosen.found.name, &chosen.key).map_err(Error::internal)?;
            let trigger = AuditTrigger {
                table,
                key,
                audit_table: log_name.clone(),
            };
            if scripts.is_empty() {
                let sql = trigger.log_sql();
                scripts.push(sql.map_err(|fault| broken(fault.to_string()))?);
            }
            let sql = trigger.trigger_sql();
            scripts.push(sql.map_err(|fault| broken(fault.to_string()))?);
        }

        Ok(scripts)
    }
}

fn dotted(table: &SourceTable) -> [&str; 2] {
    [&table.schema, &table.name]
}
