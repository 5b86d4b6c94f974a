//! Webhooks: tells receivers what happened. Knows neither runs nor the API.
//!
//! What happened is queued as deliveries in the transaction that records it. `deliver` sends them, from any of several
//! services; `freshness` looks at tables and models, because nothing is recorded when one becomes too old.

mod back_off;
mod deliver;
mod freshness;
mod guard;
mod message;
mod sender;
mod signature;
mod tell;

pub use deliver::work;
pub use sender::Outcome;
pub use tell::{Told, tell};
