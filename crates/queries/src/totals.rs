//! Aggregates without GROUP BY in FROM: one row over all rows of a table, also over none.

use rand::RngExt;

use crate::generator::{Generator, Leaf, Tree};

/// How many blocks have totals. A change of their table makes a model full, so they are rare.
const SHARE: f64 = 0.06;

impl Generator {
    /// Now and then puts totals beside what is in FROM. The block reads some of their columns, or none.
    pub(crate) fn beside_totals(&mut self, tree: Tree) -> Tree {
        if !self.chance(SHARE) {
            return tree;
        }
        let mut totals = self.totals();
        let joined = format!("{} {}", totals.source, totals.alias);
        let sql = if self.chance(0.5) {
            format!("{} cross join {joined}", tree.sql)
        } else if tree.leaves.len() > 1 {
            format!("{joined} cross join ({})", tree.sql)
        } else {
            format!("{joined} cross join {}", tree.sql)
        };
        let mut leaves = tree.leaves;
        let count = self.random.random_range(0..=totals.columns.len());
        while totals.columns.len() > count {
            let at = self.random.random_range(0..totals.columns.len());
            totals.columns.remove(at);
        }
        if !totals.columns.is_empty() {
            leaves.push(totals);
        }

        Tree {
            sql,
            leaves,
            key: tree.key,
        }
    }

    /// `(select count(*) as c0, max(q1.a) as c1 from t0 q1)`
    fn totals(&mut self) -> Leaf {
        let table = self.table();
        let of = std::slice::from_ref(&table);
        let mut items = Vec::new();
        for _ in 0..*self.pick(&[1, 2, 2, 3]) {
            let value = self.any_column(of, 0.0);
            let item = match self.random.random_range(0..4) {
                0 => "count(*)".to_owned(),
                1 => format!("count({value})"),
                2 => format!("sum({value})"),
                _ => format!("max({value})"),
            };
            items.push(format!("{item} as c{}", items.len()));
        }
        let filter = if self.chance(0.25) {
            format!(" where {}", self.simple(of))
        } else {
            String::new()
        };
        let having = if self.chance(0.1) {
            " having count(*) > 1"
        } else {
            ""
        };

        Leaf {
            alias: self.name(),
            source: format!(
                "(select {} from {} {}{filter}{having})",
                items.join(", "),
                table.source,
                table.alias
            ),
            columns: (0..items.len()).map(|at| format!("c{at}")).collect(),
            is_table: false,
        }
    }
}
