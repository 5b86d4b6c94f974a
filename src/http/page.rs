//! One page of a list. The list is asked for one row more than the page takes, which tells whether a page follows.

/// The rows of a page.
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    is_last: bool,
}

impl<T> Page<T> {
    /// Cuts `rows`, at most `limit + 1`, to a page.
    pub(super) fn of(mut rows: Vec<T>, limit: usize) -> Self {
        let is_last = rows.len() <= limit;
        rows.truncate(limit);

        Self { rows, is_last }
    }

    /// What the next page begins after: `place` of the last row; `None` on the last page.
    pub(super) fn next<P>(&self, place: impl FnOnce(&T) -> P) -> Option<P> {
        self.rows.last().filter(|_| !self.is_last).map(place)
    }
}
