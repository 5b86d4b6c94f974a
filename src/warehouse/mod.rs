//! The tables of one tracked table in Trino: typed log, current rows, history. Knows neither sources nor HTTP.

mod audit;
mod build;
mod comparison;
mod forget;
mod forgotten;
mod ledger;
mod marts;
mod properties;
mod refresh;
mod reject_reasons;
mod rejects;
mod remake;
mod schema;
mod sliced_log;
mod slices;
mod staging;
mod target;
mod verify;

pub use audit::{audit, audit_published, judge, planned_tests};
pub use build::{build_upto, drop_leftover};
pub use forget::{Forgotten, drop_view, forget, tables_of};
pub use forgotten::{forget_keys, unreadable_key};
pub use marts::{Merged, merge, planned_mart};
pub use refresh::{Bounds, Refresh, Scope};
pub use rejects::{Dismissed, RejectFilter, Replayed, dismiss, replay, replayable};
pub use schema::{change_marts, describe_remade, ensure, exists, is_table, planned_tables};
pub use sliced_log::drop_sliced_log;
pub use slices::{Slice, Slicing};
pub use staging::{planned_log, restage, stage};
pub use target::Target;
pub use verify::{Verified, verify};
