//! Names in a pipeline, made of names in its source.

use std::collections::BTreeSet;

use crate::pipeline::SourceTable;

/// The name in lower-case letters, digits and `_`, beginning with a letter.
pub(super) fn folded(name: &str) -> String {
    let folded: String = name
        .to_lowercase()
        .chars()
        .map(|c| {
            let is_kept = c.is_ascii_lowercase() || c.is_ascii_digit();
            if is_kept { c } else { '_' }
        })
        .collect();
    let trimmed = folded.trim_start_matches('_');

    if trimmed.is_empty() {
        "t".to_owned()
    } else if trimmed.starts_with(|c: char| c.is_ascii_digit()) {
        format!("t_{trimmed}")
    } else {
        trimmed.to_owned()
    }
}

/// The names of the tables of a pipeline. None of them writes the table of another.
pub(super) struct TableNames(BTreeSet<String>);

impl TableNames {
    pub(super) fn new(pipeline: &str) -> Self {
        let own = ["rejects", "monitoring", "freshness"];

        Self(
            own.iter()
                .map(|name| format!("{pipeline}_{name}"))
                .collect(),
        )
    }

    /// A name for a table: its own, or else with its schema, or else with a number.
    pub(super) fn give(&mut self, table: &SourceTable) -> String {
        let name = folded(&table.name);
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let with_schema = format!("{}_{name}", folded(&table.schema));
        let mut names = [name.clone(), with_schema].into_iter().chain(numbered);
        let free = names.find(|name| self.is_free(name)).unwrap_or(name);
        self.0.insert(free.clone());

        free
    }

    /// The history of `orders` is `orders_history`.
    fn is_free(&self, name: &str) -> bool {
        let history = format!("{name}_history");
        let of = name.strip_suffix("_history");

        !self.0.contains(name)
            && !self.0.contains(&history)
            && of.is_none_or(|of| !self.0.contains(of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_one_that_a_pipeline_can_have() {
        let names = ["orders", "Order Items", "_2024 Ümsätze", "☃", "a.b\"c"];
        assert_eq!(
            names.map(folded),
            ["orders", "order_items", "t_2024__ms_tze", "t", "a_b_c"]
        );
    }

    #[test]
    fn no_two_tables_write_the_same() {
        let mut names = TableNames::new("shop");
        let tables = [
            ("public", "orders"),
            ("sales", "Orders"),
            ("public", "ORDERS"),
            ("public", "orders_history"),
            ("public", "shop_rejects"),
        ];
        let given = tables.map(|(schema, name)| names.give(&SourceTable::new(schema, name)));
        assert_eq!(
            given,
            [
                "orders",
                "sales_orders",
                "public_orders",
                "orders_history_2",
                "public_shop_rejects"
            ]
        );
    }
}
