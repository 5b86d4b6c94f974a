//! Source servers of Postgres: sessions that can write nothing, one snapshot, rows by `copy`. Knows no kind of source.

mod catalogue;
mod check;
mod connection_task;
mod connections;
mod copy;
mod copy_messages;
mod copy_statement;
mod fault;
mod locked;
mod missing;
mod names;
mod position;
mod rights;
mod row;
mod server;
mod session;
mod side_by_side;

pub use connections::Connections;

pub(super) use catalogue::columns;
pub(super) use check::{LookupColumn, check_transactions};
pub(super) use connections::PipelineConnection;
pub(super) use copy::KeysQuery;
pub(super) use copy_statement::CopyStatement;
pub(super) use missing::{missing_column, missing_table};
pub(super) use names::{column_of, dotted, quoted};
pub(super) use position::{ServerIdentity, change, remembered, replaced};
pub(super) use rights::check_rights;
pub(super) use row::value;
pub(super) use session::{Session, Snapshot};
