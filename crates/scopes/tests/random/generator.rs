//! Makes queries of all accepted shapes, some beyond them, and small tables that change.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::trial::{Row, Table, Trial, column};

/// What a query has more of than usual.
pub(super) const FOCUSES: [&str; 10] = [
    "", "derived", "nulls", "inward", "cycle", "full", "subquery", "triangle", "above", "",
];
const TABLES: usize = 4;
const NUMBERS: [&str; 4] = ["id", "a", "b", "c"];

pub(super) struct Generator {
    random: StdRng,
    names: usize,
    focus: &'static str,
    ctes: Vec<Cte>,
}

/// A query with a name.
#[derive(Clone)]
struct Cte {
    name: String,
    sql: String,
    columns: Vec<String>,
}

/// A table or a derived table in FROM: its alias, what it is, its columns of numbers, and whether it has the text `s`.
#[derive(Clone)]
struct Leaf {
    alias: String,
    source: String,
    columns: Vec<String>,
    is_table: bool,
}

struct Tree {
    sql: String,
    leaves: Vec<Leaf>,
    /// The key of a full join at the top.
    key: Option<String>,
}

/// A query with the names of its columns, and of those that are aggregates or windows.
struct Query {
    sql: String,
    columns: Vec<String>,
    computed: Vec<String>,
}

impl Generator {
    pub(super) fn new(seed: u64, focus: &'static str) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            names: 0,
            focus,
            ctes: Vec::new(),
        }
    }

    pub(super) fn trial(mut self) -> Trial {
        let query = self.top();
        let tables = self.tables();
        let moves = self.chance(0.25);

        let ctes: Vec<_> = self
            .ctes
            .iter()
            .map(|cte| format!("{} as ({})", cte.name, cte.sql))
            .collect();
        let with = if ctes.is_empty() {
            String::new()
        } else {
            format!("with {} ", ctes.join(", "))
        };

        Trial {
            sql: format!("{with}{}", query.sql),
            scope: Vec::new(),
            output: query
                .columns
                .iter()
                .map(|name| column(name, "integer"))
                .collect(),
            tables,
            dates: [
                "2026-01-01",
                if moves { "2026-01-02" } else { "2026-01-01" },
            ],
        }
    }

    fn chance(&mut self, share: f64) -> bool {
        self.random.random_bool(share)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        from.choose(&mut self.random).expect("not empty")
    }

    /// One of several, by weight.
    fn weighted<'a, T>(&mut self, from: &'a [(T, u32)]) -> &'a T {
        let picked = from
            .choose_weighted(&mut self.random, |(_, weight)| *weight)
            .expect("weights");
        &picked.0
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("q{}", self.names)
    }

    fn table(&mut self) -> Leaf {
        let number = self.random.random_range(0..TABLES);
        self.table_of(number)
    }

    fn table_of(&mut self, number: usize) -> Leaf {
        Leaf {
            alias: self.name(),
            source: format!("t{number}"),
            columns: NUMBERS.map(str::to_owned).to_vec(),
            is_table: true,
        }
    }

    fn derived(&mut self, query: Query) -> Leaf {
        if self.chance(0.3) {
            let name = self.name();
            self.ctes.push(Cte {
                name,
                sql: query.sql.clone(),
                columns: query.columns.clone(),
            });
        }
        if !self.ctes.is_empty() && self.chance(0.5) {
            let ctes = self.ctes.clone();
            let cte = self.pick(&ctes);
            return Leaf {
                source: cte.name.clone(),
                columns: cte.columns.clone(),
                alias: self.name(),
                is_table: false,
            };
        }
        Leaf {
            alias: self.name(),
            source: format!("({})", query.sql),
            columns: query.columns,
            is_table: false,
        }
    }

    fn leaf(&mut self, depth: u32) -> Leaf {
        if self.focus == "derived" && depth == 0 && self.chance(0.5) {
            let depth = if self.chance(0.5) { 2 } else { 1 };
            let query = self.block(depth);
            return self.derived(query);
        }
        if depth < 2 && self.chance(if depth == 0 { 0.3 } else { 0.15 }) {
            let query = if self.chance(0.12) {
                self.set_operation(depth + 1)
            } else {
                self.block(depth + 1)
            };
            return self.derived(query);
        }

        self.table()
    }

    /// A column, sometimes in an expression.
    fn column(&mut self, leaf: &Leaf, fancy: f64) -> String {
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

    fn any_column(&mut self, leaves: &[Leaf], fancy: f64) -> String {
        let leaf = self.pick(leaves).clone();
        self.column(&leaf, fancy)
    }

    fn equality(&mut self, left: &[Leaf], right: &[Leaf]) -> String {
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

    fn simple(&mut self, leaves: &[Leaf]) -> String {
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

    fn extra(&mut self, left: &[Leaf], right: &[Leaf]) -> String {
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

    fn tree(&mut self, leaves: &[Leaf]) -> Tree {
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

    /// A condition with a subquery, or the scalar subquery of an item.
    fn subquery(&mut self, outer: &[Leaf], depth: u32, is_item: bool) -> String {
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
        if !how.ends_with("in") || self.chance(0.4) {
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

    fn block(&mut self, depth: u32) -> Query {
        let counts = match (depth, self.focus) {
            (0, "nulls" | "cycle" | "inward") => [(1, 5), (2, 20), (3, 60), (4, 15)],
            (0, "derived" | "full") => [(1, 5), (2, 60), (3, 25), (4, 10)],
            (0, _) => [(1, 30), (2, 40), (3, 22), (4, 8)],
            _ => [(1, 55), (2, 35), (3, 10), (4, 0)],
        };
        let count = *self.weighted(&counts);
        let leaves: Vec<_> = (0..count).map(|_| self.leaf(depth)).collect();
        let tree = self.tree(&leaves);
        let leaves = tree.leaves.clone();
        let filter = self.filter(&leaves, depth);
        let from = format!("from {}{filter}", tree.sql);
        if self.chance(0.35) {
            return self.grouped(&leaves, &from);
        }

        self.ungrouped(&leaves, &from, tree.key, depth)
    }

    fn filter(&mut self, leaves: &[Leaf], depth: u32) -> String {
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

    fn grouped(&mut self, leaves: &[Leaf], from: &str) -> Query {
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

    fn ungrouped(&mut self, leaves: &[Leaf], from: &str, key: Option<String>, depth: u32) -> Query {
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

    fn window(&mut self, leaves: &[Leaf], items: &[String]) -> String {
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

    fn set_operation(&mut self, depth: u32) -> Query {
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

    fn triangle(&mut self) -> Query {
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

    fn above(&mut self) -> Query {
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

    fn top(&mut self) -> Query {
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

    fn tables(&mut self) -> Vec<Table> {
        let quiet = *self.pick(&[0.3, 0.6, 0.75]);
        let only = self
            .chance(0.5)
            .then(|| self.random.random_range(0..TABLES));
        (0..TABLES)
            .map(|number| {
                let stays = only.map_or_else(|| self.chance(quiet), |only| only != number);
                self.changed(number, stays)
            })
            .collect()
    }

    fn changed(&mut self, number: usize, stays: bool) -> Table {
        let is_small = matches!(self.focus, "triangle" | "above");
        let count = if is_small {
            *self.pick(&[1, 1, 2])
        } else {
            self.random.random_range(0..7)
        };
        let mut old: Vec<Row> = (0..count).map(|_| self.row()).collect();
        if !old.is_empty() && self.chance(0.1) {
            old.push(old[0].clone());
        }
        let mut new = Vec::new();
        for row in &old {
            match self.random.random_range(0..100) {
                _ if stays => new.push(row.clone()),
                0..25 => {}
                25..45 => {
                    let mut row = row.clone();
                    let at = self.random.random_range(0..row.len());
                    row[at].clone_from(&self.row()[at]);
                    new.push(row);
                }
                _ => new.push(row.clone()),
            }
        }
        for _ in 0..if stays { 0 } else { *self.pick(&[0, 0, 1, 2]) } {
            new.push(self.row());
        }
        let mut columns: Vec<_> = NUMBERS.iter().map(|name| column(name, "integer")).collect();
        columns.push(column("s", "varchar"));

        Table {
            name: format!("t{number}"),
            columns,
            old,
            new,
        }
    }

    fn row(&mut self) -> Row {
        let most = if matches!(self.focus, "triangle" | "above") {
            2
        } else {
            4
        };
        let mut row = vec![self.random.random_range(0..6).to_string()];
        for _ in 0..3 {
            let is_null = self.chance(0.15);
            let value = self.random.random_range(0..most).to_string();
            row.push(if is_null { "null".into() } else { value });
        }
        row.push((*self.pick(&["'x'", "'X'", "'y'", "null"])).into());
        row
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
