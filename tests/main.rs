//! Every test against real servers: start them by `tests/stack/up`, then `. target/stack/env`; `make test` does both.

mod harness;
mod reference;
mod suite;
