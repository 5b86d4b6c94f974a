//! An enforced contract: the columns that a model promises.

use super::refresh::Refresh;
use crate::error::Result;
use crate::state::ModelColumn;

impl Refresh<'_> {
    /// Fails if the table about to be published has not the columns that an enforced contract declares.
    pub(super) fn check_contract(&self, columns: &[ModelColumn]) -> Result<()> {
        let model = self.model.model;
        if !model.config.contract.enforced {
            return Ok(());
        }
        let declared = &model.properties.columns;
        let show = |name: &str, data_type: &str| format!("{name} {data_type}");
        let wanted: Vec<String> = declared
            .iter()
            .map(|column| {
                let data_type = column.data_type.as_deref().unwrap_or_default();
                show(&column.name.to_lowercase(), &stored_type(data_type))
            })
            .collect();
        let found: Vec<String> = columns
            .iter()
            .map(|column| show(&column.name, &column.data_type))
            .collect();
        if wanted == found {
            return Ok(());
        }
        let first = wanted
            .iter()
            .zip(&found)
            .find(|(wanted, found)| wanted != found);
        let detail = match first {
            Some((wanted, found)) => {
                format!("it declares `{wanted}` where the query gives `{found}`")
            }
            None => format!(
                "it declares {} columns, and the query gives {}",
                wanted.len(),
                found.len()
            ),
        };

        Err(self.broken(format!(
            "its contract is enforced, but {detail}; nothing was published. Change the query or the contract"
        )))
    }
}

/// The type by which Iceberg stores a declared one, as Trino names it.
fn stored_type(declared: &str) -> String {
    let lower = declared.trim().to_lowercase().replace(", ", ",");
    match lower.as_str() {
        "int" | "smallint" | "tinyint" => "integer".into(),
        "string" | "text" => "varchar".into(),
        "timestamp" => "timestamp(6)".into(),
        "timestamp with time zone" => "timestamp(6) with time zone".into(),
        "double precision" => "double".into(),
        "time" => "time(6)".into(),
        _ if lower.starts_with("time(") => "time(6)".into(),
        "decimal" | "numeric" => "decimal(38,0)".into(),
        _ if lower.starts_with("numeric(") => lower.replacen("numeric", "decimal", 1),
        _ if lower.starts_with("timestamp(") && lower.ends_with("zone") => {
            "timestamp(6) with time zone".into()
        }
        _ if lower.starts_with("timestamp(") => "timestamp(6)".into(),
        _ if lower.starts_with("varchar(") || lower.starts_with("char(") => "varchar".into(),
        _ => lower,
    }
}
