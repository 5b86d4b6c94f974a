//! The client of the API: commands for people and scripts.
//!
//! It knows HTTP and the terminal, and nothing of the service's own code. The names of the API's fields stand in `answers` only.
//!
//! | file | what it is for |
//! |---|---|
//! | `server` | calls: addresses, tokens, repeated calls, limits |
//! | `context` | which server, by options, environment and the file of contexts |
//! | `answers` | what the service answers |
//! | `names` | short names of tables, models and runs |
//! | `events`, `waiting`, `progress` | a run, followed to its end |
//! | `output`, `text`, `times` | what stands on the terminal |
//! | `commands` | one file for each noun or verb of the command line |

mod answers;
mod commands;
mod context;
mod events;
mod fault;
mod names;
mod output;
mod progress;
mod server;
pub mod text;
mod times;
mod waiting;

pub use commands::Command;
