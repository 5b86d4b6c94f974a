//! Finds out which rows of a query a change of its inputs affects, so that only those are computed again.
//!
//! A *model* is one `select`. Its result is cut into *scopes*: the rows that share the values of some columns of its unique key.
//! A refresh finds the scopes that the changes of the inputs can have affected, and computes these again. The rest cannot differ.
//!
//! | step | module | what it does |
//! |---|---|---|
//! | 1 | [`parse`] | reads Trino's SQL, and checks that nothing of it was lost |
//! | 2 | [`resolve`], [`prune`] | names each table and column without doubt, puts CTEs and views where they are used, leaves out what nothing reads |
//! | 3 | [`joins`], [`links`], [`carrier`] | outer joins that are inner ones; equalities that lead from a table to the scope; the table that has it |
//! | 4 | [`affected`], [`fixed`] | the query that finds the affected scopes; subqueries that must still have their old result |
//! | 5 | [`restrict`] | the model's query, for some scopes only |
//!
//! [`tables_named`] lists the tables that a text names. [`lineage`] tells where the columns of a result come from.
//!
//! It knows neither the service nor Trino: it turns SQL into SQL. A query that it does not understand to the last word gets the
//! verdict that it must be computed in full, with the [`Reason`]. So a gap costs time, never exactness.
//!
//! The method and its proof are in `SCOPES.md`.

mod affected;
mod carrier;
mod catalog;
mod clock;
mod data_type;
mod expression;
mod fixed;
mod functions;
mod joins;
mod lineage;
mod links;
mod model;
mod node;
mod parse;
mod print;
mod prune;
mod reason;
mod reproducible;
mod resolve;
mod restrict;
mod scope;
mod tables_named;
mod windows;

pub use catalog::{Catalog, Column, InputId, Relation, RelationKind};
pub use clock::Moment;
pub use data_type::is_comparable;
pub use lineage::{Influence, InputColumn, Lineage, Made, Origins};
pub use model::{Affected, Images, Model, Query, Refresh};
pub use reason::Reason;
pub use tables_named::tables_named;
