//! Reads SQL models in the shape of a dbt project: files, YAML, macros, and their graph.
//!
//! ```text
//! models/**/*.sql   one `select` each, with Jinja
//! models/**/*.yml   descriptions, columns, tests, sources
//! tests/**/*.sql    one `select` each, whose rows are failures
//! macros/**/*.sql   Jinja macros
//! dbt_project.yml   variables, and configuration by folder
//! ```
//!
//! | step | module | what it does |
//! |---|---|---|
//! | 1 | [`files`] | finds the files |
//! | 2 | [`properties`], [`sources`], [`settings`] | reads the YAML files |
//! | 3 | [`draft`], [`remark`], [`render`] | renders each model, and notes what it refers to |
//! | 4 | [`data_test`], [`unit_test`] | reads the tests |
//! | 5 | [`graph`], [`selection`] | orders the models; selects some of them |
//!
//! [`reading`] goes these steps.
//!
//! It knows no server: the tables that models may read are given as [`Known`]. All faults are found, not only the first.

mod config;
mod control;
mod data_test;
mod draft;
mod fault;
mod files;
mod graph;
mod names;
mod nearest;
mod project;
mod properties;
mod query;
mod reading;
mod relation;
mod relations;
mod remark;
mod render;
mod schema;
mod selection;
mod settings;
mod shape;
mod sources;
mod target_lag;
mod unit_test;
mod watch;

pub use config::{Config, Contract, Materialized, OnError, Refresh};
pub use data_test::{Check, Comparison, Condition, DataTest, Severity, SingularTest, TESTED_ROWS};
pub use fault::Fault;
pub use nearest::{did_you_mean, nearest_name};
pub use project::{Known, Model, Project};
pub use properties::{ColumnProperties, ModelProperties, TestOf};
pub use relation::{Column, Relation};
pub use schema::{also_called, schema, tidy_schema};
pub use selection::Last;
pub use sources::SourceKey;
pub use target_lag::TargetLag;
pub use unit_test::{Given, Rows, UnitTest};
