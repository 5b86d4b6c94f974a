//! `icefront rows`: rows of a table.

use jiff::Timestamp;
use serde_json::Value;

use super::run::pair;
use super::{Act, Client, limit};
use crate::answers::Row;
use crate::fault::{Exit, Result};
use crate::names;
use crate::output::{Cell, tell};
use crate::server::Call;
use crate::{text, times};

#[derive(Debug, clap::Args)]
pub struct Rows {
    /// The table
    table: String,
    /// Only the row of this key, such as `order_id=42`; once for each column of the key
    #[arg(long = "key", value_name = "COLUMN=VALUE", value_parser = pair)]
    key: Vec<(String, String)>,
    /// The rows that were valid at this time, or this long ago, such as `2h`
    #[arg(long, value_name = "TIME", value_parser = times::parse_time)]
    as_of: Option<Timestamp>,
    /// The rows that were published at this time, or this long ago
    #[arg(long, value_name = "TIME", value_parser = times::parse_time)]
    loaded_as_of: Option<Timestamp>,
    /// The most rows
    #[arg(long, value_name = "ROWS", default_value_t = 20, value_parser = limit)]
    limit: usize,
}

impl Act for Rows {
    async fn act(self, client: &Client) -> Result<Exit> {
        let table = names::table(&client.server, &self.table).await?;
        let mut call = Call::get(&["tables", &table.name, "rows"])
            .with("as_of", self.as_of)
            .with("loaded_as_of", self.loaded_as_of);
        for (column, value) in self.key {
            call = call.with(&format!("key.{column}"), Some(value));
        }
        let list = client.server.list(call, self.limit).await?;
        if !client.output.is_for_people() {
            client.output.value(&list.value())?;
            return Ok(Exit::Succeeded);
        }
        let rows: Vec<Row> = list.read()?;
        if rows.is_empty() {
            tell("there is no such row");
        }
        let columns = columns(&rows);
        let cells = rows.iter().map(|row| {
            columns
                .iter()
                .map(|column| cell(row.get(*column)))
                .collect()
        });
        let head: Vec<String> = columns
            .iter()
            .map(|column| text::one_line(column))
            .collect();
        client.output.table(
            &head.iter().map(String::as_str).collect::<Vec<_>>(),
            cells.collect(),
        )?;

        Ok(Exit::Succeeded)
    }
}

/// The columns of the rows without those that Icefront adds, which `-o json` has.
fn columns(rows: &[Row]) -> Vec<&str> {
    let first = rows
        .first()
        .map(|row| row.keys().map(String::as_str))
        .into_iter()
        .flatten();

    first.filter(|name| !name.starts_with('_')).collect()
}

fn cell(value: Option<&Value>) -> Cell {
    match value {
        None | Some(Value::Null) => Cell::text("-"),
        Some(Value::Number(number)) if number.is_i64() => Cell::text(number.to_string()),
        Some(value) => Cell::text(text::value(value)),
    }
}
