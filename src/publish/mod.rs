//! Statements that write to Iceberg: noted, sent once, and proven by the snapshot that they made.
//!
//! A *lost statement* is one whose end was not seen. Before it writes to a table again, the publisher resolves every lost
//! statement on it: it did nothing, or what it committed is known. A table that no run of the pipeline wrote before must not exist.

mod committed;
mod lost;
mod ownership;
mod planned;
mod publisher;
mod reads;
mod same_table;

pub use committed::{Committed, Files, Snapshots};
pub use lost::Resolved;
pub use planned::{Planned, PlannedStatement};
pub use publisher::Publisher;
