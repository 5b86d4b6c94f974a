//! `icefront init`: looks at a Postgres server, and writes a pipeline for tables that it has. Asks only on a terminal.
//!
//! It knows sources and definitions, and no running service. It writes files, and nothing to a server.

mod choice;
mod command;
mod draft;
mod fault;
mod files;
mod kind;
mod log;
mod names;
mod owner_sql;
mod question;
mod report;
mod yaml;

pub use command::Init;
