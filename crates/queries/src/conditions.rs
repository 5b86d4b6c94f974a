//! Columns, conditions and subqueries.

use rand::RngExt;

use crate::generator::{Generator, Leaf};

impl Generator {
    /// A column, sometimes in an expression.
    pub(crate) fn column(&mut self, leaf: &Leaf, fancy: f64) -> String {
        let name = self.pick(&leaf.columns).clone();
        let plain = format!("{}.{name}", leaf.alias);
        if !self.chance(fancy) {
            return plain;
        }
        match self.random.random_range(0..6) {
            0 => format!("coalesce({plain}, 0)"),
            1 => format!("coalesce({plain}, day(current_date))"),
            2 => format!("({plain} % 2)"),
            3 => format!("({plain} + day(current_date))"),
            _ => format!("({plain} + 1)"),
        }
    }

    pub(crate) fn any_column(&mut self, leaves: &[Leaf], fancy: f64) -> String {
        let leaf = self.pick(leaves).clone();
        self.column(&leaf, fancy)
    }

    pub(crate) fn equality(&mut self, left: &[Leaf], right: &[Leaf]) -> String {
        let fancy = match self.focus {
            "nulls" => 0.6,
            "cycle" | "inward" => 0.0,
            _ => 0.25,
        };
        let (left, right) = (self.pick(left).clone(), self.pick(right).clone());
        if left.is_table && right.is_table && self.chance(0.08) {
            let lower = self.chance(0.5);
            let left = if lower {
                format!("lower({}.s)", left.alias)
            } else {
                format!("{}.s", left.alias)
            };
            return format!("{left} = {}.s", right.alias);
        }

        format!(
            "{} = {}",
            self.column(&left, fancy),
            self.column(&right, fancy)
        )
    }

    pub(crate) fn simple(&mut self, leaves: &[Leaf]) -> String {
        let value = self.random.random_range(0..4);
        let column = self.any_column(leaves, 0.1);
        match self.random.random_range(0..6) {
            0 => format!("{column} > {value}"),
            1 => format!("{column} = {value}"),
            2 => format!("{column} <> {value}"),
            3 => format!("{column} is null"),
            4 => format!("{column} is not null"),
            _ if self.chance(0.5) => format!("{column} <= day(current_date)"),
            _ => format!("{column} <= {value}"),
        }
    }

    pub(crate) fn extra(&mut self, left: &[Leaf], right: &[Leaf]) -> String {
        let both = [left, right].concat();
        match self.random.random_range(0..100) {
            0..30 => {
                let op = *self.pick(&["<", "<=", "<>"]);
                format!(
                    "{} {op} {}",
                    self.any_column(left, 0.0),
                    self.any_column(right, 0.0)
                )
            }
            30..55 => self.simple(&both),
            55..70 => format!("({} or {})", self.equality(left, right), self.simple(&both)),
            70..85 => self.equality(&both, &both),
            _ => format!(
                "{} + {} = {}",
                self.any_column(left, 0.0),
                self.any_column(&both, 0.0),
                self.any_column(right, 0.0)
            ),
        }
    }

    pub(crate) fn filter(&mut self, leaves: &[Leaf], depth: u32) -> String {
        let mut conditions = Vec::new();
        if self.chance(0.4) {
            conditions.push(self.simple(leaves));
        }
        if leaves.len() > 1 && self.chance(0.2) {
            conditions.push(self.equality(leaves, leaves));
        }
        let often = matches!(self.focus, "inward" | "subquery");
        if self.chance(if depth > 0 {
            0.1
        } else if often {
            0.7
        } else {
            0.25
        }) {
            conditions.push(self.subquery(leaves, depth, false));
        }
        if self.chance(0.05) {
            conditions.push(format!(
                "({} or {})",
                self.simple(leaves),
                self.subquery(leaves, depth, false)
            ));
        }

        if conditions.is_empty() {
            String::new()
        } else {
            format!(" where {}", conditions.join(" and "))
        }
    }

    /// A condition with a subquery, or the scalar subquery of an item.
    pub(crate) fn subquery(&mut self, outer: &[Leaf], depth: u32, is_item: bool) -> String {
        let count = if self.chance(0.7) { 1 } else { 2 };
        let mut leaves = Vec::new();
        for _ in 0..count {
            let depth = if self.chance(0.7) { 2 } else { 1 };
            leaves.push(self.leaf(depth));
        }
        let tree = self.tree(&leaves);
        let mine = tree.leaves;
        let how = if is_item {
            "item"
        } else {
            *self.pick(&[
                "exists",
                "not exists",
                "in",
                "scalar",
                "exists",
                "not exists",
                "not in",
            ])
        };
        let mut conditions = Vec::new();
        // Without an equality it stands alone.
        let linked = if how.ends_with("in") { 0.4 } else { 0.85 };
        if self.chance(linked) {
            conditions.push(self.equality(&mine, outer));
        }
        if self.chance(if self.focus == "inward" { 0.7 } else { 0.2 }) {
            conditions.push(self.equality(&mine, outer));
        }
        if self.chance(0.2) {
            conditions.push(self.extra(&mine, outer));
        }
        if self.chance(0.3) {
            conditions.push(self.simple(&mine));
        }
        if depth < 2 && self.chance(0.15) {
            conditions.push(self.subquery(&mine, depth + 1, false));
        }
        let filter = if conditions.is_empty() {
            String::new()
        } else {
            format!(" where {}", conditions.join(" and "))
        };
        let value = self.any_column(&mine, 0.1);
        let from = format!("from {}{filter}", tree.sql);
        if matches!(how, "scalar" | "item") {
            let aggregate = *self.pick(&["max", "count", "sum", "min"]);
            let query = format!("(select {aggregate}({value}) {from})");
            if is_item {
                return query;
            }
            let op = *self.pick(&["=", "<", "<>"]);
            return format!("{} {op} {query}", self.any_column(outer, 0.1));
        }
        let group = match self.random.random_range(0..10) {
            0 => format!(" group by {value}"),
            1 => format!(" group by {value} having count(*) > 1"),
            _ => String::new(),
        };
        let query = format!("(select {value} {from}{group})");
        if how.ends_with("exists") {
            return format!("{how} {query}");
        }

        let value = self.any_column(outer, 0.1);
        if self.chance(0.2) {
            return format!("not ({value} {how} {query})");
        }

        format!("{value} {how} {query}")
    }
}
