//! Random queries over small tables that change, for the tests of models. The same seed gives the same case.
//!
//! The queries have all shapes that models can be incremental with, and some beyond them.

mod conditions;
mod generator;
mod selects;
mod tables;
mod totals;

pub use generator::Generator;

/// A query, and its tables before and after a change.
#[derive(Clone, Debug)]
pub struct Case {
    /// Reads its tables by their names: `t0`, `t1`, …
    pub sql: String,
    /// The names of the result's columns.
    pub output: Vec<String>,
    pub tables: Vec<Table>,
    /// The dates of the two states.
    pub dates: [&'static str; 2],
}

/// A table before and after a change. Both states may have a row twice.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    pub old: Vec<Row>,
    pub new: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// Trino's name of the type.
    pub data_type: String,
}

/// Literals.
pub type Row = Vec<String>;

impl Column {
    #[must_use]
    pub fn new(name: &str, data_type: &str) -> Self {
        Self {
            name: name.into(),
            data_type: data_type.into(),
        }
    }
}
