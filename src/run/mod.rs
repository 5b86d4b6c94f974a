//! Runs: accepted as a row, claimed by the worker, executed step by step. A run survives the service that executes it.
//!
//! `start` and `wait` serve callers; `triggers` start runs without one. `worker → executor → tasks → steps → step → stop → attempt`: the worker claims a
//! run, and the executor makes one attempt of it. A task says which steps the attempt needs, and `step` runs and
//! records each of them.

mod attempt;
mod counts;
mod executor;
mod failure;
mod measured;
mod monitoring;
mod request;
mod retries;
mod start;
mod step;
mod steps;
mod stop;
mod task;
mod tasks;
mod triggers;
mod wait;
mod whole_number;
mod worker;

pub use request::{OnFailed, OpenLineageParent, Request, Selection, StepKind};
pub use start::{cancel, retry, start, start_task};
pub use task::{RunKind, Task};
pub use wait::wait;
pub use whole_number::whole_number;
pub use worker::work;
