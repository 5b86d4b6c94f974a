//! The claims, by what they are about.

mod audit;
mod contracts;
mod convergence;
mod corners;
mod document;
mod drops;
mod evolution;
mod exactness;
mod extraction;
mod faults;
mod files;
mod full_load;
mod generated;
mod keys;
mod lookups;
mod names;
mod race;
mod rejects;
mod repair;
mod requests;
mod s3;
mod samples;
mod standby;
mod times;
mod watermark;
mod ways;
