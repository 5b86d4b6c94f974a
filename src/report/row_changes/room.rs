//! How much a page of row changes takes.

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

impl Room {
    /// How many rows of these sizes there is room for: one at least, however long it is.
    pub(super) fn fits(self, sizes: impl Iterator<Item = usize>) -> Taken {
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
