//! The columns of a dropped file, and whether a table can have them.

use std::collections::HashSet;

use crate::pipeline::{CatalogueColumn, Table};

/// The most columns of a table.
const MOST_COLUMNS: usize = 2_000;
/// The most bytes of a column's name.
const LONGEST_NAME: usize = 255;
const WRONG_NAME: &str =
    "one of its columns has an empty name, one longer than 255 bytes, or one with control signs";

/// The columns of a file with their Postgres types, in the order in which they first appear.
#[derive(Default)]
pub(in crate::source::files) struct FileColumns {
    pub(in crate::source::files) found: Vec<CatalogueColumn>,
    names: HashSet<String>,
    has_wrong_name: bool,
}

impl FileColumns {
    /// Notes a column. A number column keeps the wider of its types.
    pub(in crate::source::files) fn note(&mut self, name: &str, postgres_type: &str) {
        if check_name(name).is_err() {
            // It is not kept: it may be as long as a row.
            self.has_wrong_name = true;
            return;
        }
        if self.found.len() > MOST_COLUMNS {
            return;
        }
        if !self.names.contains(name) {
            self.names.insert(name.to_owned());
            self.found.push(CatalogueColumn {
                name: name.to_owned(),
                data_type: postgres_type.to_owned(),
            });
        } else if matches!(postgres_type, "bigint" | "double precision")
            && let Some(known) = self.found.iter_mut().find(|known| known.name == name)
            && matches!(known.data_type.as_str(), "integer" | "real")
        {
            postgres_type.clone_into(&mut known.data_type);
        }
    }

    /// Fails if a table cannot have these columns beside those that it has, so that one bad file does not stop the
    /// others.
    pub(in crate::source::files) fn check(
        &self,
        table: &Table,
        known: &[CatalogueColumn],
    ) -> Result<(), String> {
        check_number(self.found.len())?;
        if self.has_wrong_name {
            return Err(WRONG_NAME.into());
        }
        for CatalogueColumn { name, .. } in &self.found {
            if table.is_taken(name) {
                return Err(format!(
                    "its column `{name}` has a name that the tables use themselves; give it another by `columns: [{{name: …, from: {name}, data_type: …}}]`"
                ));
            }
            self.check_case(name, known)?;
        }

        Ok(())
    }

    /// Fails if another column has the same name in other case.
    fn check_case(&self, name: &str, known: &[CatalogueColumn]) -> Result<(), String> {
        let lower = name.to_lowercase();
        let twin = self
            .found
            .iter()
            .chain(known)
            .map(|other| &other.name)
            .find(|other| *other != name && other.to_lowercase() == lower);

        match twin {
            Some(twin) => Err(format!(
                "its column `{name}` differs from `{twin}` in case only"
            )),
            None => Ok(()),
        }
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.trim().is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
        return Err(WRONG_NAME);
    }

    Ok(())
}

/// Fails if there are more columns than a table may have.
pub(super) fn check_number(columns: usize) -> Result<(), String> {
    if columns > MOST_COLUMNS {
        return Err(format!("it has more than {MOST_COLUMNS} columns"));
    }

    Ok(())
}
