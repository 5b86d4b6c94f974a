//! What callers want to know of the data: how fresh it is and why. Counts of changes come from the state database.

mod freshness;

pub use freshness::{Freshness, LagReason, Status, freshness};
