//! On a real Trino, over tables that are `values`: start it by `tests/stack/up --tests`, then `. target/stack/env`.

mod counterexamples;
mod given;
mod lineage;
mod random;
mod reproducible;
mod shapes;
mod trial;
mod trino;
