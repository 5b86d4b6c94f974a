//! A row of a dropped file, before it is an event.

/// A row of a dropped file, before it is an event.
pub(in crate::source::files) struct FileRow {
    /// `I`, `U`, `D`, or the file's other text.
    pub(in crate::source::files) operation: Option<String>,
    /// When it happened, in microseconds since 1970 UTC; `None` if the text was no time.
    pub(in crate::source::files) occurred_at_us: Option<i64>,
    /// Its number in the order of all events.
    pub(in crate::source::files) sequence: Option<i64>,
    /// The row as a JSON object.
    pub(in crate::source::files) data: String,
}

impl FileRow {
    /// How many bytes of memory it takes.
    pub(in crate::source::files) fn bytes(&self) -> usize {
        self.data.len() + size_of::<Self>()
    }
}
