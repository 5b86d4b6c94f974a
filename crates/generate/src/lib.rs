//! A shop whose every change is logged, and files of its shipments: data for the demo, tests and measurements.
//!
//! It knows Postgres and folders, and neither the service nor Trino. The commands:
//!
//! | command | type | what it makes |
//! |---|---|---|
//! | `icefront generate` | [`GenerateShop`] | customers and orders in Postgres that change, by writers in each other's way |
//! | `icefront generate files` | [`GenerateFiles`] | files of shipments in a folder, some of them late, repeated or broken |
//! | `icefront audit-trigger` | [`AuditTrigger`] | the SQL that makes Postgres log the changes of a table |

mod audit_trigger;
mod calendar;
mod error;
mod files;
mod name;
mod progress;
mod random;
mod shop;
mod weights;
mod words;

pub use audit_trigger::AuditTrigger;
pub use error::GenerateError;
pub use files::{Choice, Compression, FilesSummary, Format, GenerateFiles};
pub use name::{Identifier, NameError, QualifiedName};
pub use shop::{EventCounts, GenerateShop, ShopSummary};
pub use weights::Weights;

/// Reads a duration that is not negative, such as `30s` or `1h 30m`.
fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|duration| duration.try_into().ok())
        .ok_or_else(|| "a duration is typed as `30s`, `5m` or `1h`".to_owned())
}

/// Parses some arguments of a command; the rest gets its defaults.
fn command_line<T: clap::Args, const N: usize>(arguments: [&str; N]) -> T {
    let command = T::augment_args(clap::Command::new("generate").no_binary_name(true));
    T::from_arg_matches(&command.get_matches_from(arguments)).unwrap_or_else(|error| error.exit())
}
