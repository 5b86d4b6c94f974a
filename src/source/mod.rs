//! Reading changes out of source servers: inside one snapshot, behind a cursor that cannot skip. Writes nothing anywhere.

mod audit_log;
mod catalogue;
mod connection;
mod copied;
mod cursor;
mod server;
mod tally;

pub use audit_log::{AuditLog, Reading};
pub use cursor::{Position, Rule, Safety};
