//! A file of text: UTF-8 without its byte order mark, and with no row that is larger than the limit.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use crate::source::files::file_fault::unreadable;

/// The most bytes of one row. A larger row has an unclosed quote or bracket.
const LARGEST_ROW: u64 = 128 << 20;

/// A file of text. Its reads fail when the present row is larger than the limit.
pub(super) struct TextFile {
    file: BufReader<Box<dyn Read>>,
    row_size: RowSize,
}

impl TextFile {
    /// Skips the byte order mark; `None` if the file is empty.
    ///
    /// # Errors
    ///
    /// A file that is UTF-16, and what [`Read`] says.
    pub(super) fn open(file: Box<dyn Read>) -> io::Result<Option<Self>> {
        let mut file = BufReader::with_capacity(1 << 16, file);
        match file.fill_buf()? {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                return Err(unreadable("it is UTF-16; write it as UTF-8"));
            }
            [0xef, 0xbb, 0xbf, ..] => file.consume(3),
            [] => return Ok(None),
            _ => {}
        }

        Ok(Some(Self {
            file,
            row_size: RowSize::default(),
        }))
    }

    /// The count of this file. The parser owns the file, so it asks for the count first.
    pub(super) fn row_size(&self) -> RowSize {
        self.row_size.clone()
    }
}

impl Read for TextFile {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(room)?;
        self.row_size.add(read);
        self.row_size.check()?;

        Ok(read)
    }
}

impl BufRead for TextFile {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.row_size.check()?;

        self.file.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.row_size.add(amount);
        self.file.consume(amount);
    }
}

/// The bytes that were read for the present row.
#[derive(Clone, Default)]
pub(super) struct RowSize(Rc<Cell<u64>>);

impl RowSize {
    /// The parser calls this between two rows.
    pub(super) fn reset(&self) {
        self.0.set(0);
    }

    fn add(&self, bytes: usize) {
        self.0.set(self.0.get() + bytes as u64);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.get() > LARGEST_ROW {
            return Err(unreadable(
                "a row is larger than 128 MiB; is a quote or a bracket not closed?",
            ));
        }

        Ok(())
    }
}
