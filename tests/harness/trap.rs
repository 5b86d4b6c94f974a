//! A trap waits on a wire for one request: to lose its answer, or to stop its sender.

use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// The moment at which a trap springs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The request has arrived and is not forwarded yet.
    Before,
    /// The request has been forwarded.
    After,
    /// The answer begins to arrive and is not forwarded yet.
    Answered,
}

/// The fate of the connection after the trap has sprung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    GoOn,
    Cut,
}

/// Waits for one request.
pub(crate) struct Trap {
    /// A text in the request; an empty text matches any request.
    pub(crate) request: &'static str,
    /// Number of matching requests that pass before.
    pub(crate) pass: usize,
    /// The trap springs at a later request of the same connection, this many after the matching one.
    pub(crate) later: usize,
    pub(crate) moment: Moment,
    pub(crate) spring: Box<dyn FnOnce() -> Then + Send>,
}

/// The trap on a wire, if there is one.
pub(super) type Armed = Arc<Mutex<Option<Trap>>>;

/// The trap as one connection sees it.
pub(super) struct Watch {
    armed: Armed,
    caught: Mutex<Option<Trap>>,
}

impl Watch {
    pub(super) fn new(armed: Armed) -> Self {
        Self {
            armed,
            caught: Mutex::default(),
        }
    }

    /// Looks at the bytes of a client; takes the trap off the wire if they are the awaited request.
    pub(super) fn see(&self, bytes: &[u8]) {
        let mut caught = self.caught.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trap) = caught.as_mut() {
            trap.later = trap.later.saturating_sub(1);
            return;
        }
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(trap) = armed.as_mut() else {
            return;
        };
        let text = String::from_utf8_lossy(bytes);
        if !text.contains(trap.request) {
            return;
        }
        if trap.pass > 0 {
            trap.pass -= 1;
            return;
        }
        *caught = armed.take();
    }

    /// Springs the caught trap, if this is its moment.
    pub(super) fn spring(&self, moment: Moment) -> Result<()> {
        let mut caught = self.caught.lock().unwrap_or_else(PoisonError::into_inner);
        let sprung = caught.take_if(|trap| trap.moment == moment && trap.later == 0);

        match sprung.map_or(Then::GoOn, |trap| (trap.spring)()) {
            Then::Cut => Err(Error::from(ErrorKind::ConnectionAborted)),
            Then::GoOn => Ok(()),
        }
    }
}
