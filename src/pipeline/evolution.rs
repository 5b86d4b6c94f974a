//! What a changed source or definition does to the tables: new columns, wider types, reports and refusals.

use super::{
    CatalogueColumn, Column, ContractMode, DataType, Drift, DriftKind, Marts, NewColumns, Table,
    TableId,
};

/// The future shape of a table, from its definition and its source's catalogue.
#[derive(Debug, Clone, Default)]
pub struct Evolution {
    /// The existing columns first.
    pub columns: Vec<Column>,
    pub drift: Vec<Drift>,
    /// Why staging must wait until somebody changes something.
    pub refusal: Option<String>,
}

/// The source and the definition that the tables were made with.
#[derive(Debug, Clone, Copy)]
pub struct MadeOf<'a> {
    /// The source table with its schema.
    pub origin: &'a str,
    pub columns: &'a [Column],
    /// Events were ordered by their times.
    pub was_by_clock: bool,
    /// Events had ids of the source; `None` for tables of versions that did not store this.
    pub had_own_ids: Option<bool>,
    pub marts: Marts,
}

impl Evolution {
    /// Compares what a table was made with to its definition and its source's catalogue; `before` is the known drift.
    ///
    /// As `contract` and `new_columns` allow, it adds columns, and widens types if that changes no value. Other differences are only noted.
    ///
    /// # Errors
    ///
    /// A sentence, if the definition cannot be used with this catalogue.
    pub fn of(
        table: &Table,
        made: MadeOf<'_>,
        catalogue: &[CatalogueColumn],
        before: &[Drift],
    ) -> Result<Self, String> {
        let name = &table.id.name;
        let MadeOf {
            origin,
            columns: made,
            was_by_clock,
            had_own_ids,
            marts,
        } = made;
        let mut evolution = Self::default();
        let lasting =
            |drift: &&Drift| matches!(drift.change, DriftKind::Added | DriftKind::Widened);
        evolution.drift = before.iter().filter(lasting).cloned().collect();
        evolution.refuse_other_identity(table, origin, made);
        let refusals = [
            table.other_ids(had_own_ids),
            table.other_order(was_by_clock),
            table.other_marts(marts),
        ];
        if let Some(detail) = refusals.into_iter().flatten().next() {
            evolution.refuse(detail);
        }
        let id = &table.id;
        if let Some(key) = missing_key(made, catalogue) {
            evolution.columns = made.to_vec();
            evolution.note(&key, DriftKind::Gone, "it is a column of the key".into());
            evolution.refuse(format!(
                "column `{key}` of the key of `{name}` is gone from `{}`; bring it back, or set `tables.{name}.key` to the columns that identify a row now, and call `POST /v1/tables/{id}/restage`",
                table.from
            ));
            return Ok(evolution);
        }
        let wanted = table.columns(catalogue)?;
        for column in made {
            let found = wanted.iter().find(|wanted| wanted.name == column.name);
            let kept = if let Some(wanted) = found {
                evolution.keep(table, column, wanted)
            } else {
                let hint = renamed(id, made, &wanted);
                let detail = format!(
                    "the source no longer has it; the tables keep it, and it is null in new rows{hint}"
                );
                evolution.note(&column.name, DriftKind::Gone, detail);
                column.clone()
            };
            evolution.columns.push(kept);
        }
        for column in wanted {
            if made.iter().all(|known| known.name != column.name) {
                evolution.take_in(table, column);
            }
        }
        evolution.check_contract(table, catalogue);
        evolution.keep_first_sight(before);

        Ok(evolution)
    }

    /// Refuses another source table, and another key.
    fn refuse_other_identity(&mut self, table: &Table, origin: &str, made: &[Column]) {
        let id = &table.id;
        let name = &id.name;
        if table.from != origin {
            self.refuse(format!(
                "`tables.{name}.from` is `{}`, but the tables were made from `{origin}`; put it back, or remake the tables with `POST /v1/tables/{id}/restage`",
                table.from
            ));
        }
        let mut wanted: Vec<String> = table.key.iter().map(|key| key.to_lowercase()).collect();
        let mut key: Vec<String> = made
            .iter()
            .filter(|c| c.is_key)
            .map(|c| c.name.clone())
            .collect();
        wanted.sort_unstable();
        key.sort_unstable();
        if wanted != key {
            self.refuse(format!(
                "`tables.{name}.key` is `{}`, but the tables were made with `{}`; put it back, or remake the tables with `POST /v1/tables/{id}/restage`",
                wanted.join(", "),
                key.join(", ")
            ));
        }
    }

    /// The future of a column that the table and its source have.
    fn keep(&mut self, table: &Table, made: &Column, wanted: &Column) -> Column {
        let id = &table.id;
        let name = &id.name;
        let mut kept = Column {
            description: wanted.description.clone(),
            ..made.clone()
        };
        let declared = table
            .columns
            .iter()
            .any(|c| c.name.to_lowercase() == made.name);
        if (&made.from, &made.path) != (&wanted.from, &wanted.path) {
            self.refuse(format!(
                "`tables.{name}.columns.{}` is filled from `{}`, but was filled from `{}`; put it back, or remake the tables with `POST /v1/tables/{id}/restage`",
                made.name, wanted.from, made.from
            ));
        } else if made.is_untracked != wanted.is_untracked {
            self.refuse(format!(
                "`tables.{name}.history.tracked` changed after the history was made; put it back, or remake the history with `POST /v1/tables/{id}/rebuild`"
            ));
        } else if made.data_type != wanted.data_type {
            if made.widens_to(wanted) && (declared || table.contract == ContractMode::Evolve) {
                self.note(
                    &made.name,
                    DriftKind::Widened,
                    format!("from {} to {}", made.data_type, wanted.data_type),
                );
                kept = Column {
                    is_key: made.is_key,
                    ..wanted.clone()
                };
            } else if declared {
                self.refuse(format!(
                    "`tables.{name}.columns.{}` is declared as {}, but the tables have {}; put it back, or remake the tables with `POST /v1/tables/{id}/restage`",
                    made.name, wanted.data_type, made.data_type
                ));
            } else if !made.holds(wanted) {
                self.note(
                    &made.name,
                    DriftKind::Retyped,
                    format!(
                        "the source has {} now, the tables keep {}; events whose values do not fit are rejects. `POST /v1/tables/{id}/restage` makes the tables again with the new type",
                        wanted.data_type, made.data_type
                    ),
                );
            }
        }

        kept
    }

    /// Adds, ignores or refuses a new column.
    fn take_in(&mut self, table: &Table, column: Column) {
        let declared = table
            .columns
            .iter()
            .any(|c| c.name.to_lowercase() == column.name);
        let id = &table.id;
        let has = if declared {
            format!("it is declared as {}", column.data_type)
        } else {
            format!("the source has it as {}", column.data_type)
        };
        if declared
            || (table.contract == ContractMode::Evolve && table.new_columns == NewColumns::Add)
        {
            self.note(
                &column.name,
                DriftKind::Added,
                format!(
                    "{has}; it is null in older rows, until `POST /v1/tables/{id}/restage` fills it"
                ),
            );
            self.columns.push(column);
        } else if table.new_columns == NewColumns::Fail {
            self.note(&column.name, DriftKind::Ignored, has);
            self.refuse(format!(
                "column `{}` of `{}` is new and `new_columns` is `fail`; declare it, or set `new_columns` to `add` or `ignore`",
                column.name, table.from
            ));
        } else {
            let by = if table.contract == ContractMode::Enforced {
                "contract: enforced"
            } else {
                "new_columns: ignore"
            };
            self.note(
                &column.name,
                DriftKind::Ignored,
                format!("{has}; `{by}` keeps it out of the tables. Declare it to add it, and call `POST /v1/tables/{id}/restage` to fill it in older rows"),
            );
        }
    }

    /// Refuses or notes declared columns that the source does not have, or has with a type that does not fit.
    fn check_contract(&mut self, table: &Table, catalogue: &[CatalogueColumn]) {
        let name = &table.id.name;
        if catalogue.is_empty() {
            return;
        }
        for declared in &table.columns {
            let Ok(column) = declared.column(catalogue) else {
                continue;
            };
            let found = catalogue.iter().find(|field| field.name == column.from);
            let fault = match found {
                None => format!("is gone from `{}`", table.from),
                Some(CatalogueColumn { name, data_type }) if column.path.is_none() => {
                    let source = Column::new(name, name, &DataType::from_postgres(data_type));
                    if column.holds(&source) {
                        continue;
                    }
                    format!(
                        "is {data_type} in `{}`, whose values do not all fit into {}",
                        table.from, column.data_type
                    )
                }
                Some(_) => continue,
            };
            if table.contract == ContractMode::Enforced {
                self.refuse(format!(
                    "column `{}` {fault}, but table `{name}` declares it with `contract: enforced`; correct the source or the declaration",
                    declared.name
                ));
            } else if found.is_none() {
                self.note(
                    &column.name,
                    DriftKind::Gone,
                    format!("it {fault}; the tables keep it, and it is null in new rows"),
                );
            }
        }
    }

    /// Gives drift that was seen before the run that saw it first.
    fn keep_first_sight(&mut self, before: &[Drift]) {
        for drift in &mut self.drift {
            let seen = before
                .iter()
                .find(|seen| seen.column == drift.column && seen.change == drift.change);
            if let Some(seen) = seen {
                drift.run_id = drift.run_id.or(seen.run_id);
                // The first detail may name the column that replaced this one. Later runs cannot find that out.
                if drift.change == DriftKind::Gone {
                    drift.detail.clone_from(&seen.detail);
                }
            }
        }
    }

    fn note(&mut self, column: &str, change: DriftKind, detail: String) {
        self.drift.push(Drift {
            column: column.to_owned(),
            change,
            detail,
            run_id: None,
        });
    }

    fn refuse(&mut self, why: String) {
        self.refusal.get_or_insert(why);
    }
}

/// The first key column that the source no longer has.
fn missing_key(made: &[Column], catalogue: &[CatalogueColumn]) -> Option<String> {
    let is_there = |column: &&Column| {
        catalogue.is_empty() || catalogue.iter().any(|field| field.name == column.from)
    };
    let gone = made.iter().filter(|c| c.is_key).find(|c| !is_there(c))?;

    Some(gone.name.clone())
}

/// A hint, if one column went and one of the same type came.
fn renamed(id: &TableId, made: &[Column], wanted: &[Column]) -> String {
    let gone: Vec<&Column> = made
        .iter()
        .filter(|c| wanted.iter().all(|w| w.name != c.name))
        .collect();
    let new: Vec<&Column> = wanted
        .iter()
        .filter(|w| made.iter().all(|c| c.name != w.name))
        .collect();
    match (&gone[..], &new[..]) {
        ([gone], [new]) if gone.data_type == new.data_type => format!(
            ". It may have been renamed to `{}`; if so, declare `{{name: {}, from: {}, data_type: {}}}` and call `POST /v1/tables/{id}/restage`",
            new.name, gone.name, new.from, gone.data_type
        ),
        _ => String::new(),
    }
}
