//! Which file is rendered, and since when, so that one that does not end is told by its name.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The file that the reading thread renders. The waiting thread reads it, too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Arc<Mutex<Option<Rendering>>>);

#[derive(Debug)]
struct Rendering {
    file: String,
    since: Instant,
}

impl Watch {
    pub(crate) fn begin(&self, file: &str) {
        self.set(Some(Rendering {
            file: file.to_owned(),
            since: Instant::now(),
        }));
    }

    pub(crate) fn end(&self) {
        self.set(None);
    }

    fn set(&self, rendering: Option<Rendering>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = rendering;
    }

    /// The file that is being rendered for longer than this.
    pub(crate) fn longer_than(&self, limit: Duration) -> Option<String> {
        let rendering = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rendering = rendering.as_ref()?;

        (rendering.since.elapsed() > limit).then(|| rendering.file.clone())
    }
}
