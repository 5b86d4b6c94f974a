//! From events to Parquet files in the object store to rows of the landing table. Knows no kind of source.

mod arrow;
mod encoder;
mod fields;
mod folder;
mod frame;
mod json;
#[cfg(test)]
mod peer;
mod register;
mod token;
mod writer;

pub use fields::{Fields, open as open_fields};
pub use folder::{Batch, Folder, open_store};
pub use register::{
    Landing, create, drop_table, ensure, highest_batch, landed, optimize_manifests, register, sweep,
};
pub use writer::{Files, Writer};

/// An event as a source gives it, before it is landed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Event<'a> {
    /// The source's number of it.
    pub event_id: Option<i64>,
    /// What happened: `I`, `U`, `D`, `T`.
    pub operation: Option<&'a str>,
    /// When, in microseconds since 1970 UTC.
    pub occurred_at_us: Option<i64>,
    /// The schema of the changed table.
    pub schema: Option<&'a str>,
    pub table: Option<&'a str>,
    /// The row as JSON text.
    pub data: Option<&'a str>,
    /// The file that it came in.
    pub source_file: Option<&'a str>,
}
