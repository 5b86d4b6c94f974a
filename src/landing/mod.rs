//! Lands events: writes them to Parquet files in the object store and registers those with the landing table.
//!
//! Knows no kind of source.

mod arrow;
mod encoder;
mod fields;
mod folder;
mod forgotten;
mod frame;
mod json;
mod register;
mod replaced;
mod token;
mod writer;

pub use fields::{Fields, open as open_fields};
pub use folder::{Batch, Folder, open_store};
pub use forgotten::{ForgottenKeys, KeyHash, key_hash};
pub use register::{
    LANDING_COLUMNS, Landing, abandon_open, adopt_unknown, create, create_schema, drop_table,
    ensure, highest_batch, landed, optimize_manifests, register, sweep,
};
pub use replaced::remove_replaced;
pub use writer::{Files, Writer};

/// An event as a source gives it. Unknown fields are `None`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Event<'a> {
    pub event_id: Option<i64>,
    /// `I` insert, `U` update, `D` delete, `T` truncate; `F` is an event of a forgotten key.
    pub operation: Option<&'a str>,
    /// Microseconds since 1970 UTC.
    pub occurred_at_us: Option<i64>,
    /// The schema and the name of the changed table in the source.
    pub schema: Option<&'a str>,
    pub table: Option<&'a str>,
    /// The row as JSON text.
    pub data: Option<&'a str>,
    /// The path of the file that it came in, if it came in one.
    pub source_file: Option<&'a str>,
}
