//! A fault of a table in `pipeline.yaml`.

/// A fault of a field of a table.
pub(super) struct Misfit {
    /// The keys below the table that lead to the field.
    pub(super) path: Vec<&'static str>,
    pub(super) message: String,
}
