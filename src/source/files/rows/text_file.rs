//! A file of text: UTF-8 without its byte order mark, and with no row that is larger than the limit.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use crate::source::files::file_fault::unreadable;
use crate::source::files::file_limits::FileLimits;

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
    pub(super) fn open(file: Box<dyn Read>, limits: &FileLimits) -> io::Result<Option<Self>> {
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
            row_size: RowSize {
                bytes: Rc::default(),
                limits: limits.clone(),
            },
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
#[derive(Clone)]
pub(super) struct RowSize {
    bytes: Rc<Cell<u64>>,
    limits: FileLimits,
}

impl RowSize {
    /// The parser calls this between two rows.
    pub(super) fn reset(&self) {
        self.bytes.set(0);
    }

    fn add(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() + bytes as u64);
    }

    /// Fails if the row is larger than the limit, or there is no memory for it now.
    fn check(&self) -> io::Result<()> {
        self.limits.check_row(self.bytes.get())
    }
}
