//! Questions on a terminal. Without one, nothing is asked: the answer is an error that names the options.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};

use icefront_client::text::{count, one_line};

use super::choice::MOST_TABLES;
use super::fault::invalid;
use super::kind::Kind;
use super::yaml;
use crate::error::{Error, Result};
use crate::source::{FoundTable, FoundTables};

/// The most tables in a message.
const MOST_NAMES: usize = 10;
/// The most tables in a list.
const MOST_LISTED: usize = 50;
/// How often a question is asked.
const TRIES: usize = 3;

/// Asks which tables are meant.
pub(super) fn tables(found: &FoundTables) -> Result<Vec<FoundTable>> {
    if found.tables.is_empty() {
        return Err(invalid(
            "connection",
            "the database of the connection has no tables; look whether its address names the right database",
        ));
    }
    if !is_there() {
        let names = found.tables.iter().take(MOST_NAMES);
        let names: Vec<String> = names
            .map(|table| one_line(&table.name.to_string()))
            .collect();
        return Err(invalid(
            "table",
            format!(
                "no table is named; write `--table public.orders`, again for each one, or `--schema public`. The database has {} tables, the largest are {}",
                found.total,
                names.join(", ")
            ),
        ));
    }
    let listed = &found.tables[..found.tables.len().min(MOST_LISTED)];
    let widest = listed.iter().map(|table| name(table).len()).max();
    let widest = widest.unwrap_or_default().min(60);
    for (at, table) in listed.iter().enumerate() {
        let key = table.key.as_ref().map_or_else(
            || "no key".into(),
            |key| format!("key {}", one_line(&key.join(", "))),
        );
        let size = yaml::size(table.rows, table.bytes);
        eprintln!("{:>5}  {:widest$}  {key}, {size}", at + 1, name(table));
    }
    let more = found.total - listed.len() as u64;
    if more > 0 {
        let more = count(i64::try_from(more).unwrap_or(i64::MAX));
        eprintln!("       and {more} smaller ones; name them by `--table`");
    }
    let question = "Which tables? Numbers such as 1,3-5, or `all`: ";

    asked(question, |answer| match answer {
        "all" if found.total > u64::from(MOST_TABLES) => Err(format!(
            "a pipeline is made of at most {MOST_TABLES} tables; write numbers"
        )),
        "all" => Ok(found.tables.clone()),
        _ => chosen(answer, listed),
    })
}

/// Asks how changes are found.
pub(super) fn kind() -> Result<Kind> {
    if !is_there() {
        return Err(invalid(
            "kind",
            "write `--kind postgres_audit_log` if triggers may write each change into an audit log, which is exact; or `--kind postgres_table` if a column such as `updated_at` tells which rows changed",
        ));
    }
    eprintln!("How are changes found?");
    eprintln!("    1  postgres_audit_log: triggers write each change into an audit log; exact");
    eprintln!("    2  postgres_table: a column such as `updated_at` tells which rows changed");

    asked("1 or 2: ", |answer| match answer {
        "1" | "postgres_audit_log" => Ok(Kind::AuditLog),
        "2" | "postgres_table" => Ok(Kind::Polled),
        _ => Err("write 1 or 2".into()),
    })
}

fn name(table: &FoundTable) -> String {
    one_line(&table.name.to_string())
}

fn is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks until there is an answer that can be used.
fn asked<T>(question: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<T> {
    for _ in 0..TRIES {
        eprint!("{question}");
        // A terminal that cannot be written can still be read.
        let _ = std::io::stderr().flush();
        let mut line = String::new();
        let length = std::io::stdin()
            .read_line(&mut line)
            .map_err(Error::internal)?;
        if length == 0 {
            break;
        }
        match read(line.trim()) {
            Ok(answer) => return Ok(answer),
            Err(fault) => eprintln!("{fault}"),
        }
    }

    Err(invalid(
        "table",
        "there was no answer, so nothing was written",
    ))
}

/// The tables that an answer names: numbers, ranges of them, or names.
fn chosen(answer: &str, tables: &[FoundTable]) -> Result<Vec<FoundTable>, String> {
    let mut places = BTreeSet::new();
    let words = answer.split([',', ' ']).filter(|word| !word.is_empty());
    for word in words {
        let named = tables
            .iter()
            .position(|table| table.name.to_string() == word);
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        match (named, first.parse::<usize>(), last.parse::<usize>()) {
            (Some(place), ..) => {
                places.insert(place);
            }
            (None, Ok(first), Ok(last)) if 1 <= first && first <= last && last <= tables.len() => {
                places.extend(first - 1..last);
            }
            _ => {
                return Err(format!(
                    "`{}` is none of them; write numbers from 1 to {}",
                    one_line(word),
                    tables.len()
                ));
            }
        }
    }
    if places.is_empty() {
        return Err("name at least one table".into());
    }

    Ok(places.into_iter().map(|at| tables[at].clone()).collect())
}
