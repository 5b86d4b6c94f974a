//! Webhooks: tells receivers what happened. Knows neither runs nor the API.
//!
//! What happened is queued in the transaction that records it, and the [`outbox`](crate::outbox) delivers it. `freshness`
//! looks at tables and models, because nothing is recorded when one becomes too old.

mod check;
mod freshness;
mod guard;
mod message;
mod sender;
mod signature;
mod test_message;
mod work;

pub use check::check;
pub use test_message::{TestMessage, send_test};
pub use work::work;
