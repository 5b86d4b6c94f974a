//! Lineage: tells a lineage server of runs and steps, by events of OpenLineage 2-0-2. Knows neither runs nor the API.
//!
//! The begin and the end of a run or of a step is noted in the transaction that records it, and the
//! [`outbox`](crate::outbox) delivers it. `event` writes the event when it is sent: `places` says what a step reads and
//! writes, `dataset` describes a table, `columns` where its columns come from.

mod columns;
mod dataset;
mod event;
mod facet;
mod names;
mod places;
mod sender;
mod work;

pub use work::work;
