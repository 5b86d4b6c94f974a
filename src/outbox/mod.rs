//! The outbox: sends the messages that wait to their receivers, until each has arrived or is given up. Knows no receiver.
//!
//! What happened is queued in the transaction that records it. `deliver` takes what is due, from any of several
//! services; a [`Receiver`] sends it, once; `back_off` says when it is sent again.

mod back_off;
mod deliver;
mod post;

pub use deliver::{Kind, Receiver, TryEnd, deliver};
pub use post::{AGENT, Answer, Fault, Outcome, TRY_LIMIT, post};
