#![doc = include_str!("ARCHITECTURE.md")]

pub mod app;
pub mod config;
pub mod error;
pub mod http;
pub mod landing;
pub mod pipeline;
pub mod postgres;
pub mod publish;
pub mod report;
pub mod run;
pub mod serve;
pub mod source;
pub mod sql;
pub mod state;
pub mod trino;
pub mod warehouse;
