//! `icefront history`: what happened to a row, as a time line.

use jiff::Timestamp;
use serde_json::Value;

use super::{Act, Client, limit};
use crate::answers::Row;
use crate::fault::{Exit, Fault, Result};
use crate::names;
use crate::server::Call;
use crate::{text, times};

/// Columns that the service adds to those of the table, beside those that begin with `_`.
const OWN: [&str; 4] = ["valid_from", "valid_to", "is_current", "is_deleted"];

#[derive(Debug, clap::Args)]
pub struct History {
    /// The table
    table: String,
    /// The row's key: a value for each column of it, such as `42`, or `order_id=42`
    #[arg(required = true)]
    key: Vec<String>,
    /// The most versions
    #[arg(long, value_name = "ROWS", default_value_t = 1_000, value_parser = limit)]
    limit: usize,
}

impl Act for History {
    async fn act(self, client: &Client) -> Result<Exit> {
        let table = names::table(&client.server, &self.table).await?;
        let key = key(&table.key, &self.key)?;
        let mut call = Call::get(&["tables", &table.name, "history"]);
        for (column, value) in &key {
            call = call.with(&format!("key.{column}"), Some(value));
        }
        let list = client.server.list(call, self.limit).await?;
        let out = client.output;
        if !out.is_for_people() {
            out.value(&list.value())?;
            return Ok(Exit::Succeeded);
        }
        let versions: Vec<Row> = list.read()?;
        let named: Vec<String> = key
            .iter()
            .map(|(column, value)| text::one_line(&format!("{column}={value}")))
            .collect();
        let number = text::plural(
            i64::try_from(versions.len()).unwrap_or(i64::MAX),
            "version",
            "versions",
        );
        out.line(&format!(
            "{}  {}  {number}",
            text::one_line(&table.name),
            named.join(" ")
        ))?;
        let mut before = None;
        for version in &versions {
            out.lines(&told(before, version, &table.key, out.is_colored()))?;
            before = Some(version);
        }

        Ok(Exit::Succeeded)
    }
}

/// The key by column, of values in the order of the columns or of pairs.
fn key<'a>(columns: &'a [String], given: &'a [String]) -> Result<Vec<(&'a str, &'a str)>> {
    let key: Vec<(&str, &str)> = given
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let pair = text
                .split_once('=')
                .filter(|(name, _)| columns.iter().any(|column| column == name));
            pair.or_else(|| {
                columns
                    .get(at)
                    .map(|column| (column.as_str(), text.as_str()))
            })
        })
        .collect::<Option<_>>()
        .unwrap_or_default();
    if key.len() != columns.len() {
        return Err(Fault::Usage(format!(
            "the key of this table is {}: give a value for each column of it",
            columns
                .iter()
                .map(|column| format!("`{column}`"))
                .collect::<Vec<_>>()
                .join(", ")
        )));
    }

    Ok(key)
}

/// A version as lines: when it began, what happened then, and the columns that changed. Its end has a line of its own if the row was deleted.
fn told(before: Option<&Row>, version: &Row, key: &[String], is_colored: bool) -> Vec<String> {
    let ended_by_delete = |row: &Row| row.get("is_deleted") == Some(&Value::Bool(true));
    let at = |column: &str| version.get(column).map(time).unwrap_or_default();
    let what = match before {
        None => "inserted",
        Some(before) if ended_by_delete(before) => "inserted again",
        Some(_) => "updated",
    };
    // After a delete, the row begins anew.
    let before = before.filter(|before| !ended_by_delete(before));
    let mut lines = vec![format!("● {}  {what}", at("valid_from"))];
    let shown: Vec<&String> = version
        .keys()
        .filter(|name| {
            !name.starts_with('_') && !OWN.contains(&name.as_str()) && !key.contains(name)
        })
        .filter(|name| before.is_none_or(|before| before.get(*name) != version.get(*name)))
        .collect();
    let widest = shown
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or_default();
    for name in shown {
        let now = version.get(name).map(text::value).unwrap_or_default();
        let (mark, value) = match before.and_then(|before| before.get(name)) {
            Some(old) => {
                let now = emphasized(&now, is_colored);
                ('~', format!("{} → {now}", text::value(old)))
            }
            None => (' ', now),
        };
        lines.push(format!(
            "│ {mark} {:widest$}  {value}",
            text::one_line(name)
        ));
    }
    if ended_by_delete(version) {
        lines.push(format!("● {}  deleted", at("valid_to")));
    }

    lines
}

fn emphasized(text: &str, is_colored: bool) -> String {
    if is_colored {
        format!("\u{1b}[1m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// A time of Trino or of RFC 3339, as other times are shown; another text as it is.
fn time(value: &Value) -> String {
    let text = text::value(value);

    text.parse::<Timestamp>().map_or(text, |time| {
        let whole = times::shown(time);
        match time.subsec_nanosecond() {
            0 => whole,
            _ => time.to_string().replacen('T', " ", 1),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: Value) -> Row {
        serde_json::from_value(value).expect("a row")
    }

    #[test]
    fn a_time_line_marks_the_columns_that_changed() {
        let version = |from: u8, to: u8, status: Value, is_deleted: bool| {
            row(json!({
                "order_id": "42", "status": status, "sum": "19.90", "_event_id": from,
                "valid_from": format!("2026-01-01T12:0{from}:00.000000Z"), "valid_to": format!("2026-01-01T12:0{to}:00.000000Z"),
                "is_current": false, "is_deleted": is_deleted,
            }))
        };
        let versions = [
            version(0, 1, json!("new"), false),
            version(1, 2, json!("\u{1b}[2Jpaid"), true),
            version(3, 4, json!(null), false),
        ];
        let key = ["order_id".to_owned()];
        let mut before = None;
        let mut lines = Vec::new();
        for version in &versions {
            lines.extend(told(before, version, &key, false));
            before = Some(version);
        }

        assert_eq!(
            lines.join("\n"),
            "\
● 2026-01-01 12:00:00Z  inserted
│   status  new
│   sum     19.90
● 2026-01-01 12:01:00Z  updated
│ ~ status  new → \\u{1b}[2Jpaid
● 2026-01-01 12:02:00Z  deleted
● 2026-01-01 12:03:00Z  inserted again
│   status  null
│   sum     19.90"
        );
    }

    #[test]
    fn a_key_is_given_by_place_or_by_name() {
        let columns = ["seed".to_owned(), "id".to_owned()];
        let given = |key: &[&str]| {
            key.iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };

        assert_eq!(
            key(&columns, &given(&["7", "a=b"])).expect("a key"),
            [("seed", "7"), ("id", "a=b")]
        );
        assert_eq!(
            key(&columns, &given(&["id=1", "seed=7"])).expect("a key"),
            [("id", "1"), ("seed", "7")]
        );
        let told = key(&columns, &given(&["7"]))
            .expect_err("a fault")
            .told()
            .expect("a text");
        assert_eq!(
            told,
            "error: the key of this table is `seed`, `id`: give a value for each column of it"
        );
    }
}
