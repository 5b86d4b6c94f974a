//! Every test against real servers: start them by `tests/stack/up --tests`, then `. target/stack/env`; `make test` does both.

mod harness;
mod reference;
mod suite;
