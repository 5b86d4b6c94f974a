//! How much a page of rows takes.

use crate::sql::{Answer, bytes_of};

/// About the most bytes of a page's rows. A longer row has a page of its own.
pub const MOST_BYTES: usize = 8 << 20;

/// What a page can still take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

/// Rows that a page takes: how many, and their size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

/// How an answer was cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) taken: Taken,
    pub(super) has_more: bool,
}

impl Room {
    /// That of an empty page, for so many rows.
    pub(super) fn of(rows: usize) -> Self {
        Self {
            rows,
            bytes: MOST_BYTES,
        }
    }

    /// Cuts an answer to the rows that there is room for. Says what they take, and whether there are more.
    pub(super) fn cut(self, answer: &mut Answer) -> Cut {
        let names: usize = answer.columns.iter().map(|column| column.name.len()).sum();
        let sizes = answer.rows.iter().map(|row| names + bytes_of(row));
        let taken = self.fits(sizes);
        let has_more = answer.is_cut || taken.rows < answer.rows.len();
        answer.rows.truncate(taken.rows);

        Cut { taken, has_more }
    }

    /// How many rows of these sizes there is room for: one at least, however long it is.
    fn fits(self, sizes: impl Iterator<Item = usize>) -> Taken {
        let mut taken = Taken { rows: 0, bytes: 0 };
        for size in sizes.take(self.rows) {
            if taken.rows > 0 && taken.bytes + size > self.bytes {
                break;
            }
            taken.rows += 1;
            taken.bytes += size;
        }

        taken
    }

    pub(super) fn without(self, taken: Taken) -> Self {
        Self {
            rows: self.rows.saturating_sub(taken.rows),
            bytes: self.bytes.saturating_sub(taken.bytes),
        }
    }

    pub(super) fn is_full(self) -> bool {
        self.rows == 0 || self.bytes == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_takes_rows_until_one_of_its_limits() {
        let room = Room { rows: 3, bytes: 10 };
        let taken = |sizes: &[usize]| room.fits(sizes.iter().copied());

        assert_eq!(taken(&[1, 1, 1, 1]), Taken { rows: 3, bytes: 3 });
        assert_eq!(taken(&[6, 4, 1]), Taken { rows: 2, bytes: 10 });
        assert_eq!(taken(&[20, 1]), Taken { rows: 1, bytes: 20 });
        assert_eq!(taken(&[]), Taken { rows: 0, bytes: 0 });
        assert!(room.without(taken(&[20])).is_full());
    }
}
