//! The claims, by what they are about.

mod audit;
mod contracts;
mod convergence;
mod corners;
mod document;
mod evolution;
mod exactness;
mod extraction;
mod faults;
mod files;
mod keys;
mod lookups;
mod names;
mod rejects;
mod repair;
mod requests;
mod times;
mod watermark;
