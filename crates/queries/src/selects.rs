//! Selects, joins and set operations.

use rand::RngExt;

use crate::generator::{Generator, Leaf, NUMBERS, Query, Tree};

impl Generator {
    pub(crate) fn top(&mut self) -> Query {
        match self.focus {
            "triangle" => return self.triangle(),
            "above" => return self.above(),
            _ => {}
        }
        if self.chance(0.12) {
            return self.set_operation(0);
        }
        let block = self.block(0);
        if !self.chance(0.25) {
            return block;
        }
        // A filter over windows or aggregates.
        let computed = block.computed.first().cloned();
        let leaf = self.derived(block);
        let mut conditions = match computed {
            Some(name) => vec![format!("{}.{name} = 1", leaf.alias)],
            None => vec![self.simple(std::slice::from_ref(&leaf))],
        };
        if self.chance(if self.focus == "derived" { 0.6 } else { 0.2 }) {
            conditions
                .push(self.equality(std::slice::from_ref(&leaf), std::slice::from_ref(&leaf)));
        }
        let items: Vec<_> = leaf
            .columns
            .iter()
            .map(|name| format!("{}.{name}", leaf.alias))
            .collect();
        let from = format!(
            "from {} {} where {}",
            leaf.source,
            leaf.alias,
            conditions.join(" and ")
        );

        named(&items, items.len(), "", &from)
    }

    pub(crate) fn block(&mut self, depth: u32) -> Query {
        let counts = match (depth, self.focus) {
            (0, "nulls" | "cycle" | "inward") => [(1, 5), (2, 20), (3, 60), (4, 15)],
            (0, "derived" | "full") => [(1, 5), (2, 60), (3, 25), (4, 10)],
            (0, _) => [(1, 30), (2, 40), (3, 22), (4, 8)],
            _ => [(1, 55), (2, 35), (3, 10), (4, 0)],
        };
        let count = *self.weighted(&counts);
        let leaves: Vec<_> = (0..count).map(|_| self.leaf(depth)).collect();
        let tree = self.tree(&leaves);
        let tree = self.beside_totals(tree);
        let leaves = tree.leaves.clone();
        let filter = self.filter(&leaves, depth);
        let from = format!("from {}{filter}", tree.sql);
        if self.chance(0.35) {
            return self.grouped(&leaves, &from);
        }

        self.ungrouped(&leaves, &from, tree.key, depth)
    }

    pub(crate) fn grouped(&mut self, leaves: &[Leaf], from: &str) -> Query {
        let keys: Vec<_> = (0..*self.pick(&[1, 2, 2]))
            .map(|_| self.any_column(leaves, 0.15))
            .collect();
        let mut items = keys.clone();
        for _ in 0..*self.pick(&[1, 1, 2]) {
            let of = self.any_column(leaves, 0.0);
            items.push(
                self.pick(&[
                    format!("sum({of})"),
                    format!("max({of})"),
                    format!("count({of})"),
                    "count(*)".into(),
                ])
                .clone(),
            );
        }
        if self.chance(0.15) {
            let key = self.pick(&keys).clone();
            items.push(format!("sum(count(*)) over (partition by {key})"));
        }
        let having = *self.pick(&[
            "",
            "",
            "",
            "",
            " having count(*) > 1",
            " having count(*) = 1",
        ]);
        let group = if keys.len() == 2 && self.chance(0.1) {
            format!("grouping sets (({}, {}), ({}))", keys[0], keys[1], keys[0])
        } else {
            keys.join(", ")
        };

        named(
            &items,
            keys.len(),
            "",
            &format!("{from} group by {group}{having}"),
        )
    }

    pub(crate) fn ungrouped(
        &mut self,
        leaves: &[Leaf],
        from: &str,
        key: Option<String>,
        depth: u32,
    ) -> Query {
        let mut items: Vec<_> = (0..*self.pick(&[2, 3, 4]))
            .map(|_| self.any_column(leaves, 0.12))
            .collect();
        items.extend(key);
        let plain = items.len();
        if self.chance(0.35) {
            for _ in 0..*self.pick(&[1, 1, 2]) {
                let window = self.window(leaves, &items[..plain]);
                items.push(window);
            }
        }
        if self.chance(0.15) {
            items.push(self.subquery(leaves, depth, true));
        }
        let distinct = if self.chance(0.12) { "distinct " } else { "" };

        named(&items, plain, distinct, from)
    }

    pub(crate) fn window(&mut self, leaves: &[Leaf], items: &[String]) -> String {
        let mut partition: Vec<_> = (0..*self.pick(&[1, 1, 2]))
            .map(|_| self.any_column(leaves, 0.0))
            .collect();
        if self.chance(0.7) {
            partition[0].clone_from(self.pick(items));
        }
        let partition = partition.join(", ");
        let first = self.any_column(leaves, 0.0);
        // All columns, so that rows which tie are equal.
        let every: Vec<_> = leaves
            .iter()
            .flat_map(|leaf| {
                leaf.columns
                    .iter()
                    .map(move |name| format!("{}.{name}", leaf.alias))
            })
            .collect();
        let every = every.join(", ");
        match self.random.random_range(0..5) {
            0 => format!("row_number() over (partition by {partition} order by {first}, {every})"),
            1 => format!("rank() over (partition by {partition} order by {first})"),
            2 => format!("sum({first}) over (partition by {partition})"),
            3 => format!("lag({first}) over (partition by {partition} order by {first}, {every})"),
            _ => format!("count(*) over (partition by {partition})"),
        }
    }

    pub(crate) fn tree(&mut self, leaves: &[Leaf]) -> Tree {
        if let [only] = leaves {
            return Tree {
                sql: format!("{} {}", only.source, only.alias),
                leaves: vec![only.clone()],
                key: None,
            };
        }
        let at = if self.chance(0.75) {
            leaves.len() - 1
        } else {
            self.random.random_range(1..leaves.len())
        };
        let (left, right) = (self.tree(&leaves[..at]), self.tree(&leaves[at..]));
        let weights = match self.focus {
            "nulls" => [25, 65, 5, 5],
            "inward" => [30, 40, 0, 30],
            "cycle" => [90, 10, 0, 0],
            "full" => [25, 35, 40, 0],
            _ => [50, 38, 5, 7],
        };
        let kinds: Vec<_> = ["join", "left join", "full join", "cross join"]
            .into_iter()
            .zip(weights)
            .collect();
        let mut kind = *self.weighted(&kinds);
        if kind == "left join" && self.chance(0.2) {
            kind = "right join";
        }
        let all = [left.leaves.clone(), right.leaves.clone()].concat();
        let right_sql = if right.leaves.len() > 1 {
            format!("({})", right.sql)
        } else {
            right.sql
        };
        if kind == "cross join" {
            return Tree {
                sql: format!("{} cross join {right_sql}", left.sql),
                leaves: all,
                key: None,
            };
        }
        let mut on = vec![self.equality(&left.leaves, &right.leaves)];
        let key = (kind == "full join")
            .then(|| {
                on[0]
                    .split_once(" = ")
                    .map(|(left, right)| format!("coalesce({left}, {right})"))
            })
            .flatten();
        let often = matches!(self.focus, "cycle" | "inward");
        if self.chance(if often { 0.7 } else { 0.2 }) {
            on.push(self.equality(&left.leaves, &right.leaves));
        }
        // Trino has full joins of equalities only.
        if kind != "full join" && self.chance(0.3) {
            on.push(self.extra(&left.leaves, &right.leaves));
        }

        Tree {
            sql: format!("{} {kind} {right_sql} on {}", left.sql, on.join(" and ")),
            leaves: all,
            key,
        }
    }

    pub(crate) fn set_operation(&mut self, depth: u32) -> Query {
        let mut parts = Vec::new();
        for _ in 0..2 {
            let depth = if self.chance(0.5) { depth } else { 2 };
            parts.push(self.block(depth));
        }
        let width = parts[0].columns.len().min(parts[1].columns.len());
        let operator = *self.weighted(&[
            ("union all", 70),
            ("union", 10),
            ("intersect", 10),
            ("except", 10),
        ]);
        let list = (0..width)
            .map(|n| format!("c{n}"))
            .collect::<Vec<_>>()
            .join(", ");
        let sql: Vec<_> = parts
            .iter()
            .map(|part| format!("select {list} from ({})", part.sql))
            .collect();

        Query {
            sql: format!("{} {operator} {}", sql[0], sql[1]),
            columns: (0..width).map(|n| format!("c{n}")).collect(),
            computed: Vec::new(),
        }
    }

    pub(crate) fn triangle(&mut self) -> Query {
        let [a, b, d] = [0, 1, 2].map(|number| self.table_of(number));
        let mut on = |left: &Leaf, right: &Leaf| {
            format!(
                "{}.{} = {}.{}",
                left.alias,
                self.pick(&["a", "b", "c"]),
                right.alias,
                self.pick(&["a", "b", "c"])
            )
        };
        let (ab, db, da) = (on(&a, &b), on(&d, &b), on(&d, &a));
        let from = format!(
            "from t0 {} join t1 {} on {ab} join t2 {} on {db} and {da}",
            a.alias, b.alias, d.alias
        );
        let items = [&a, &b, &d].map(|leaf| format!("{}.id", leaf.alias));

        named(&items, 3, "", &from)
    }

    pub(crate) fn above(&mut self) -> Query {
        let [a, b] = [0, 1].map(|number| self.table_of(number));
        let x = format!("{}.a", a.alias);
        let y = format!("{}.{}", b.alias, self.pick(&["b", "c"]));
        let partition = self.pick(&[x.clone(), y.clone()]).clone();
        let every: Vec<_> = [&a, &b]
            .iter()
            .flat_map(|leaf| NUMBERS.map(|name| format!("{}.{name}", leaf.alias)))
            .collect();
        let join = if self.chance(0.5) {
            "cross join t1 b".to_owned()
        } else {
            "join t1 b on a.c <= b.c".to_owned()
        };
        let join = join
            .replace(" b", &format!(" {}", b.alias))
            .replace("a.c", &format!("{}.c", a.alias))
            .replace("b.c", &format!("{}.c", b.alias));
        let window = format!(
            "row_number() over (partition by {partition} order by {})",
            every.join(", ")
        );
        let inner = named(
            &[x, y, window, format!("{}.id", a.alias)],
            2,
            "",
            &format!("from t0 {} {join}", a.alias),
        );
        let leaf = self.derived(inner);
        let items: Vec<_> = leaf
            .columns
            .iter()
            .map(|name| format!("{}.{name}", leaf.alias))
            .collect();

        named(
            &items,
            4,
            "",
            &format!(
                "from {} {} where {}.c0 = {}.c1",
                leaf.source, leaf.alias, leaf.alias, leaf.alias
            ),
        )
    }
}

/// A query of these items, named `c0`, `c1`, …; those from `plain` on are computed.
fn named(items: &[String], plain: usize, distinct: &str, from: &str) -> Query {
    let columns: Vec<_> = (0..items.len()).map(|n| format!("c{n}")).collect();
    let list: Vec<_> = items
        .iter()
        .zip(&columns)
        .map(|(item, name)| format!("{item} as {name}"))
        .collect();

    Query {
        sql: format!("select {distinct}{} {from}", list.join(", ")),
        computed: columns[plain..].to_vec(),
        columns,
    }
}
