//! Reports on the data: how fresh it is and why, its rows and versions, and its rejects.

mod definition;
mod deletion;
mod failures;
mod freshness;
mod given_folder;
mod graph;
mod holdings;
mod leftovers;
mod models;
mod ownership;
mod plan;
mod planned_run;
mod purge;
mod rejects;
mod reset;
mod room;
mod row_changes;
mod rows;
mod sandbox;
mod stored;
mod written;

pub use definition::{DefinitionCheck, check_definition};
pub use deletion::{LeftoverPlan, plan_deletion};
pub use failures::{FailuresQuery, failures};
pub use freshness::{
    Freshness, LagReason, Subject, freshness, freshness_at, freshness_where, present_freshness,
    seconds,
};
pub use graph::{Edge, Graph, Node, graph, lineage};
pub use holdings::{Holdings, KeptTable};
pub use leftovers::{HeldLeftover, Leftover, find_leftover, held_leftovers, leftovers, trino_name};
pub use models::{PlannedModel, Validation, column_lineage, explain_model, unit_tests, validate};
pub use plan::{Plan, PlannedTable, plan};
pub use purge::{Purge, safe_to_purge};
pub use rejects::{
    BatchFile, Operation, Reason, Reject, RejectQuery, SomeRejects, rejects, rejects_by_file,
};
pub use reset::{ResetAction, ResetDelete, ResetPlan, plan_reset};
pub use room::MOST_BYTES;
pub use row_changes::{ChangesQuery, Followed, Position, RowChanges};
pub use rows::{OrderedRows, RowQuery, Rows, SomeRows, VersionQuery, rows, versions};
pub use sandbox::ReadFolder;
pub use stored::{StoredTable, stored};
pub use written::WrittenTables;
