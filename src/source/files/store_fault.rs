//! A fault of the object store, kept beside the [`io::Error`] that the parsers pass on.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex};

/// The first fault of the store while a file was read. Its clones share it.
#[derive(Clone, Default)]
pub(super) struct StoreFault(Arc<Mutex<Option<object_store::Error>>>);

impl StoreFault {
    /// Keeps the store's fault, and gives the one that the parsers pass on.
    pub(super) fn keep(&self, cause: object_store::Error) -> io::Error {
        let told = io::Error::other(cause.to_string());
        if let Ok(mut fault) = self.0.lock() {
            fault.get_or_insert(cause);
        }

        told
    }

    /// The store's fault; `None` if the file itself is at fault.
    pub(super) fn take(&self) -> Option<object_store::Error> {
        self.0.lock().ok()?.take()
    }
}

/// Whether the store denied access, as opposed to not answering.
pub(super) fn is_forbidden(fault: &object_store::Error) -> bool {
    if matches!(fault, object_store::Error::PermissionDenied { .. }) {
        return true;
    }
    let mut cause: Option<&dyn Error> = Some(fault);
    while let Some(now) = cause {
        let denied = now.downcast_ref::<io::Error>();
        if denied.is_some_and(|denied| denied.kind() == io::ErrorKind::PermissionDenied) {
            return true;
        }
        cause = now.source();
    }

    false
}
