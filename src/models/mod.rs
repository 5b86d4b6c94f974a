//! SQL models: each is kept as a view, a table, or an incremental table that equals its query over what was read.
//!
//! A refresh reads one snapshot of each input. `inputs → reading` say what that is, and `analysis` asks the crate
//! `icefront-scopes` which rows a change can affect. `refresh` decides between [`incremental`], [`full`] and [`view`].
//! Knows neither sources nor HTTP.

mod analysis;
mod changed_rows;
mod clock;
mod contract;
mod data_tests;
mod explanation;
mod full;
mod given;
mod incremental;
mod inputs;
mod last;
mod lineage;
mod planned;
mod reading;
mod refresh;
mod scopes;
mod settle;
mod unit_tests;
mod verify;
mod view;

pub use analysis::{Analyses, Analysis, Shape};
pub use clock::{Clock, clock};
pub use explanation::{ExplainedInput, Explanation, InputSnapshot, Mode, explain};
pub use inputs::{Input, ReadTable};
pub use last::last;
pub use lineage::{ColumnLineage, column_lineage};
pub use planned::{PlannedRefresh, planned, whole_because};
pub use reading::Snapshots;
pub use refresh::{Refresh, Refreshing};
pub use unit_tests::{UnitTestResult, unit_test};
pub use verify::{verify, verify_if_certain};
