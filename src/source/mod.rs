//! Reads changes out of source servers and drop folders: inside one snapshot, behind a cursor that cannot skip a row.
//!
//! Each kind of source is a room that implements [`Source`]: `audit_log`, `polled` (polled tables) and `files`. The two
//! kinds that read servers share `postgres`. Only `kind` distinguishes the kinds. Writes nothing to a server, and knows
//! no run, no HTTP and no Trino.

mod audit_log;
mod backlog;
mod check;
mod files;
mod finding;
mod intake;
mod inventory;
mod kind;
mod opened;
mod polled;
mod postgres;
mod reading;
mod safety;
mod tally;

pub use audit_log::{LogIdentity, floor, log_identity};
pub use backlog::{Backlog, backlog};
pub use check::{CheckedSource, check};
pub use files::DropAccess;
pub use finding::Finding;
pub use intake::{Intake, TakenEvents};
pub use inventory::{FoundKind, FoundTable, FoundTables, Inventory};
pub use kind::{forget_table, has_read_rows, open, request_reread, request_restart};
pub use opened::Source;
pub use polled::{TableProgress, can_be_cursor, is_time, table_progress};
pub use postgres::Connections;
pub use reading::{Blocking, Purpose, Reading};
pub use safety::{CursorSafety, Safety};
pub use tally::Tally;
