//! Why a file was not read: it is unreadable, access is denied, or its store does not answer.

use std::io;

use crate::error::Error;

/// Why a file was not read.
pub(super) enum FileFault {
    /// The file itself cannot be read, with the reason.
    Unreadable(String),
    Forbidden,
    /// The store does not answer as it should.
    Unavailable {
        /// The error that is reported.
        error: Error,
        /// Whether the store was silent, as it would be for any other file.
        is_silent: bool,
    },
}

/// A fault of the file, not of the way to it.
pub(super) fn unreadable(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

/// Says where a fault of the file is.
pub(super) fn at_place(fault: io::Error, place: &str) -> io::Error {
    match fault.kind() {
        io::ErrorKind::InvalidData => unreadable(format!("{place}: {fault}")),
        _ => fault,
    }
}
