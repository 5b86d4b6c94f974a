//! Metrics for Prometheus: the list of all metrics, and the values that are looked up. Knows neither the API nor how runs are executed.
//!
//! Whoever does something counts it on the spot, by a name of the [`catalogue`]. What all services share comes from the state database:
//! a look in the background, so that a scrape costs nothing and each service tells the same.

pub mod catalogue;
mod exposition;
mod metric;
mod own;
mod recorder;
mod shared;

pub use exposition::Exposition;
pub use metric::{Group, Kind, Label, Metric, Unit, Values};
