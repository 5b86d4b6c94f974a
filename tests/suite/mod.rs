//! The claims, by what they are about.

mod exactness;
mod rejects;
mod requests;
