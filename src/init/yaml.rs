//! The text of `pipeline.yaml`.

use std::fmt::Write as _;

use icefront_client::text::{count, one_line, plural};

use super::choice::{ChosenTable, Cursor};
use super::draft::{Draft, DraftTable, NewColumn, Schemas};
use crate::pipeline::{CatalogueColumn, Column, DataType, TypeKind};

/// A table has at most this many comments about its columns.
const MOST_NOTES: usize = 20;
/// A key comparison reads all keys; of more rows than this, it takes minutes.
const MANY_ROWS: i64 = 20_000_000;

impl Draft<'_> {
    /// The definition. `editor` is the address of its JSON Schema; with `has_own_schemas`, it writes to schemas of its own.
    pub(super) fn yaml(&self, editor: &str, schemas: Schemas) -> String {
        let mut text = String::new();
        let mut line = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        line(&format!("# yaml-language-server: $schema={editor}"));
        line(
            "# Made by `icefront init` from what the source has. It is yours now: change it as you like.",
        );
        line(&format!("pipeline: {}", self.pipeline));
        let connection = scalar(self.connection);
        match &self.log {
            Some(log) => {
                line("source:");
                line("  kind: postgres_audit_log");
                line(&format!("  connection: {connection}"));
                line(&format!("  table: {}", scalar(&log.name.to_string())));
            }
            None => line(&format!(
                "source: {{kind: postgres_table, connection: {connection}}}"
            )),
        }
        if schemas == Schemas::Own {
            line(
                "# Another pipeline writes tables of the same names into the schemas of the settings.",
            );
            line(&format!(
                "schemas: {{landing: {name}_landing, staging: {name}_staging, marts: {name}_marts}}",
                name = self.pipeline
            ));
        }
        line(
            "# poll: 10s            # starts a run when the source has changes; without it, calls and schedules start runs",
        );
        line("# schedule: every 1h   # or the five fields of cron");
        line(
            "# defaults: {freshness: {warn_after: 10m, error_after: 1h}}   # older tables are told by `icefront freshness --fail-on error`",
        );
        line("tables:");
        for table in &self.tables {
            add_table(&mut line, table);
        }
        if !self.left_out.is_empty() {
            line("# Left out:");
            for left_out in &self.left_out {
                line(&format!("#   {left_out}"));
            }
        }

        text
    }
}

fn add_table(line: &mut impl FnMut(&str), table: &DraftTable) {
    let ChosenTable {
        found,
        columns,
        cursor,
        ..
    } = &table.chosen;
    let number = i64::try_from(columns.len()).unwrap_or(i64::MAX);
    line(&format!(
        "  # {}, {}",
        plural(number, "column", "columns"),
        size(found.rows, found.bytes)
    ));
    line(&format!("  {}:", table.name));
    line(&format!("    from: {}", scalar(&found.name.to_string())));
    let key: Vec<String> = table.key.iter().map(|column| scalar(column)).collect();
    line(&format!("    key: [{}]", key.join(", ")));
    if let Some(Cursor { column, has_index }) = cursor {
        let without = if *has_index {
            ""
        } else {
            "   # it has no index, so each run scans the table; create one, concurrently"
        };
        line(&format!("    cursor: {}{without}", scalar(column)));
        line(
            "    overlap: 10m   # how late an application may set it; 0s if the database itself sets it",
        );
        let is_large = found.rows.is_some_and(|rows| rows > MANY_ROWS);
        let every = if is_large { "1d" } else { "1h" };
        line(&format!(
            "    deletes: {{compare_keys: every {every}}}   # reads all keys, to find the rows that were deleted"
        ));
    }
    if !table.new_columns.is_empty() {
        line(
            "    columns:   # these names are taken, so their columns have others; the catalogue gives all other columns",
        );
        for NewColumn {
            name,
            from,
            data_type,
        } in &table.new_columns
        {
            line(&format!(
                "      - {{name: {}, from: {}, data_type: {}}}",
                scalar(name),
                scalar(from),
                scalar(data_type)
            ));
        }
    }
    let notes: Vec<String> = columns.iter().filter_map(note).collect();
    for note in notes.iter().take(MOST_NOTES) {
        line(&format!("    # {note}"));
    }
    if notes.len() > MOST_NOTES {
        line(&format!(
            "    # and {} more such columns",
            notes.len() - MOST_NOTES
        ));
    }
}

/// The comment on a column whose type has no counterpart in Iceberg.
fn note(column: &CatalogueColumn) -> Option<String> {
    const TEXTS: [&str; 6] = ["text", "character", "\"char\"", "name", "uuid", "citext"];
    let CatalogueColumn { name, data_type } = column;
    let kind = Column::new(name, name, &DataType::from_postgres(data_type)).kind;
    let is_array = data_type.ends_with("[]");
    let is_text = !is_array && TEXTS.iter().any(|text| data_type.starts_with(text));
    if kind != TypeKind::Varchar || is_text {
        return None;
    }
    let becomes = format!("`{name}` ({data_type}) becomes varchar");
    let declared = |from: &str, data_type: &str| {
        let mut declared = format!("columns: [{{name: {}", scalar(&name.to_lowercase()));
        // Writing to a text cannot fail.
        let _ = write!(declared, "{from}, data_type: {}}}]", scalar(data_type));
        declared
    };
    let note = if data_type.starts_with("numeric") && !is_array {
        format!(
            "{becomes}, because no decimal holds every number; declare one that holds yours: {}",
            declared("", "decimal(18,2)")
        )
    } else if data_type.starts_with("json") && !is_array {
        format!(
            "{becomes}, with the JSON as text; take a value out of it: columns: [{{name: city, from: {}, data_type: varchar}}]",
            scalar(&format!("{name}.city"))
        )
    } else {
        format!("{becomes}, with the text that Postgres writes; Iceberg has no such type")
    };

    Some(one_line(&note))
}

/// About how large a table is.
pub(super) fn size(rows: Option<i64>, bytes: i64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    let Some(rows) = rows else {
        return "never analyzed".into();
    };
    let mut amount = bytes / 1024;
    let mut unit = 0;
    while amount >= 10 * 1024 && unit + 1 < UNITS.len() {
        amount /= 1024;
        unit += 1;
    }

    format!(
        "about {}, {} {}",
        plural(rows, "row", "rows"),
        count(amount),
        UNITS[unit]
    )
}

/// A text as `pipeline.yaml` writes it: in quotes where they are needed, and without reference to a variable.
pub(super) fn scalar(text: &str) -> String {
    const WORDS: [&str; 10] = [
        "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan",
    ];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in text.replace("${", "$${").chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            // Characters beyond U+FFFF are no control characters.
            _ if one_line(character.encode_utf8(&mut [0; 4])).len() != character.len_utf8() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');

    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_back_as_it_was() {
        for text in [
            "public.orders",
            "no",
            "1",
            "a: b",
            "\"a\\",
            "x\n#\u{1b}\u{85}\u{202e}",
            "",
            "ö",
            "😀, [x]",
        ] {
            let read: String = serde_saphyr::from_str(&scalar(text)).expect("YAML");
            assert_eq!(read, text);
        }
        assert_eq!(scalar("public.orders"), "public.orders");
        assert_eq!(scalar("no"), "\"no\"");
        assert_eq!(scalar("${A}"), "\"$${A}\"");
    }

    #[test]
    fn a_size_is_told_for_people() {
        assert_eq!(size(None, 0), "never analyzed");
        assert_eq!(size(Some(1), 8_192), "about 1 row, 8 kB");
        assert_eq!(
            size(Some(1_200_000), 356_515_840),
            "about 1,200,000 rows, 340 MB"
        );
    }
}
