//! `icefront audit-trigger`: fills in `sql/audit_log.sql` and `sql/audit_trigger.sql` for one table.

use crate::error::GenerateError;
use crate::name::{Identifier, QualifiedName};

const LOG: &str = include_str!("../sql/audit_log.sql");
const TRIGGER: &str = include_str!("../sql/audit_trigger.sql");

/// Print the SQL that makes Postgres log every change of a table, for `psql` or a migration. Harmless to repeat.
#[derive(Debug, Clone, clap::Args)]
pub struct AuditTrigger {
    /// The table whose changes are to be logged, as in `public.orders`; names are taken as typed.
    #[arg(long)]
    pub table: QualifiedName,

    /// The columns that tell its rows apart, separated by commas; without it, the primary key.
    #[arg(long, value_delimiter = ',', value_name = "COLUMN")]
    pub key: Vec<Identifier>,

    /// The table that the log is written to; made if it is missing.
    #[arg(long, value_name = "TABLE", default_value = "public.audit_log_dml")]
    pub audit_table: QualifiedName,
}

impl AuditTrigger {
    /// The script that installs the log and the table's two triggers.
    pub fn sql(&self) -> Result<String, GenerateError> {
        Ok(format!("{}\n{}", self.log_sql()?, self.trigger_sql()?))
    }

    /// The script that installs the log and its function, in one transaction. Tables share it.
    pub fn log_sql(&self) -> Result<String, GenerateError> {
        self.filled_in(LOG)
    }

    /// The script that installs the table's two triggers, in one transaction. The log must be there.
    pub fn trigger_sql(&self) -> Result<String, GenerateError> {
        self.filled_in(TRIGGER)
    }

    fn filled_in(&self, template: &str) -> Result<String, GenerateError> {
        let log = &self.audit_table;
        let function = format!("icefront_{}", log.name.as_str())
            .parse()
            .map(|name| QualifiedName {
                schema: log.schema.clone(),
                name,
            })
            .map_err(|_| GenerateError::LongLogName(log.clone()))?;
        let key: Vec<_> = self.key.iter().map(Identifier::literal).collect();

        // Lines with this mark are for readers of the template.
        let template: String = template
            .split_inclusive('\n')
            .filter(|line| !line.starts_with("--#"))
            .collect();

        // In quotes a placeholder is a string, elsewhere an identifier. No name can hold a placeholder: its parser refuses that.
        Ok(template
            .replace("'{{ table }}'", &self.table.literal())
            .replace("'{{ audit_table }}'", &log.literal())
            .replace("'{{ function }}'", &function.literal())
            .replace("{{ table }}", &self.table.to_string())
            .replace("{{ audit_table }}", &log.to_string())
            .replace("{{ function }}", &function.to_string())
            .replace("{{ key }}", &key.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    fn script(table: &str, key: &[&str], audit_table: &str) -> Result<String, Box<dyn Error>> {
        let trigger = AuditTrigger {
            table: table.parse()?,
            key: key
                .iter()
                .map(|name| name.parse())
                .collect::<Result<_, _>>()?,
            audit_table: audit_table.parse()?,
        };
        Ok(trigger.sql()?)
    }

    #[test]
    fn every_placeholder_is_filled_in() -> Result<(), Box<dyn Error>> {
        let sql = script("shop.o'brien", &["id", "it's", "a\\b"], "log")?;
        assert!(!sql.contains("{{"));
        assert!(sql.contains("regclass := '\"shop\".\"o''brien\"'"));
        assert!(sql.contains("array['id', 'it''s', E'a\\\\b']::text[]"));
        assert!(sql.contains("function \"public\".\"icefront_log\"()"));
        Ok(())
    }

    #[test]
    fn a_log_whose_function_would_be_cut_is_refused() {
        assert!(script("orders", &[], &"x".repeat(54)).is_ok());
        assert!(script("orders", &[], &"x".repeat(55)).is_err());
    }
}
