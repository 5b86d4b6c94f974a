//! The claims, by what they are about.

mod convergence;
mod document;
mod exactness;
mod extraction;
mod faults;
mod names;
mod rejects;
mod requests;
