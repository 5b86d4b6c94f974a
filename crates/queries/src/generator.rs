//! The generator: what it knows while it makes a query, and its choices.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::Case;

/// What a query has more of than usual.
const FOCUSES: [&str; 10] = [
    "", "derived", "nulls", "inward", "cycle", "full", "subquery", "triangle", "above", "",
];
pub(crate) const TABLES: usize = 4;
pub(crate) const NUMBERS: [&str; 4] = ["id", "a", "b", "c"];

/// Makes one case from a seed.
#[derive(Debug)]
pub struct Generator {
    pub(crate) random: StdRng,
    names: usize,
    pub(crate) focus: &'static str,
    ctes: Vec<Cte>,
}

/// A query with a name.
#[derive(Clone, Debug)]
struct Cte {
    name: String,
    sql: String,
    columns: Vec<String>,
}

/// A table or a derived table in FROM: its alias, what it is, its columns of numbers, and whether it has the text `s`.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) alias: String,
    pub(crate) source: String,
    pub(crate) columns: Vec<String>,
    pub(crate) is_table: bool,
}

pub(crate) struct Tree {
    pub(crate) sql: String,
    pub(crate) leaves: Vec<Leaf>,
    /// The key of a full join at the top.
    pub(crate) key: Option<String>,
}

/// A query with the names of its columns, and of those that are aggregates or windows.
pub(crate) struct Query {
    pub(crate) sql: String,
    pub(crate) columns: Vec<String>,
    pub(crate) computed: Vec<String>,
}

impl Generator {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let number = seed % FOCUSES.len() as u64;
        let focus = FOCUSES.iter().zip(0..).find(|(_, at)| *at == number);

        Self {
            random: StdRng::seed_from_u64(seed),
            names: 0,
            focus: focus.map_or("", |(focus, _)| focus),
            ctes: Vec::new(),
        }
    }

    /// The case of the seed.
    #[must_use]
    pub fn case(mut self) -> Case {
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

        Case {
            sql: format!("{with}{}", query.sql),
            output: query.columns,
            tables,
            dates: [
                "2026-01-01",
                if moves { "2026-01-02" } else { "2026-01-01" },
            ],
        }
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.random.random_bool(share)
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        from.choose(&mut self.random).expect("not empty")
    }

    /// One of several, by weight.
    pub(crate) fn weighted<'a, T>(&mut self, from: &'a [(T, u32)]) -> &'a T {
        let picked = from
            .choose_weighted(&mut self.random, |(_, weight)| *weight)
            .expect("weights");
        &picked.0
    }

    pub(crate) fn name(&mut self) -> String {
        self.names += 1;
        format!("q{}", self.names)
    }

    pub(crate) fn table(&mut self) -> Leaf {
        let number = self.random.random_range(0..TABLES);
        self.table_of(number)
    }

    pub(crate) fn table_of(&mut self, number: usize) -> Leaf {
        Leaf {
            alias: self.name(),
            source: format!("t{number}"),
            columns: NUMBERS.map(str::to_owned).to_vec(),
            is_table: true,
        }
    }

    pub(crate) fn derived(&mut self, query: Query) -> Leaf {
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

    pub(crate) fn leaf(&mut self, depth: u32) -> Leaf {
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
}
