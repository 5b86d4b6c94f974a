//! What waits on a wire for one request: to lose its answer, or to stop who sent it.

use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// When a trap springs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The request has come and is not handed on yet.
    Before,
    /// It has been handed on.
    After,
    /// Its answer begins to come and is not handed on yet.
    Answered,
}

/// What becomes of the connection when the trap has sprung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    GoOn,
    Cut,
}

/// Waits for one request.
pub(crate) struct Trap {
    /// What the request holds; nothing for any.
    pub(crate) request: &'static str,
    /// So many like it pass before.
    pub(crate) pass: usize,
    /// It springs by a later request of the same connection, so many after that.
    pub(crate) later: usize,
    pub(crate) moment: Moment,
    pub(crate) spring: Box<dyn FnOnce() -> Then + Send>,
}

/// The trap on a wire, if there is one.
pub(super) type Armed = Arc<Mutex<Option<Trap>>>;

/// What one connection knows of it.
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

    /// Sees what a client sent; takes the trap off the wire when it was waiting for this.
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

    /// Springs what was caught, if this is its moment.
    pub(super) fn spring(&self, moment: Moment) -> Result<()> {
        let mut caught = self.caught.lock().unwrap_or_else(PoisonError::into_inner);
        let sprung = caught.take_if(|trap| trap.moment == moment && trap.later == 0);

        match sprung.map_or(Then::GoOn, |trap| (trap.spring)()) {
            Then::Cut => Err(Error::from(ErrorKind::ConnectionAborted)),
            Then::GoOn => Ok(()),
        }
    }
}
