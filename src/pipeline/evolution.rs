//! What follows where a source, or a definition, differs from the tables: new columns, wider types, reports, refusals.

use super::{CatalogueColumn, Column, Contract, DataType, Drift, DriftKind, NewColumns, Table};

/// What a table is to become by its definition and its source's catalogue.
#[derive(Debug, Clone, Default)]
pub struct Evolution {
    /// The columns that it is to have, those that it has first.
    pub columns: Vec<Column>,
    pub drift: Vec<Drift>,
    /// Why nothing can be staged before somebody decides.
    pub refusal: Option<String>,
}

/// What the tables were made of.
#[derive(Debug, Clone, Copy)]
pub struct MadeOf<'a> {
    /// The source table, with its schema.
    pub origin: &'a str,
    pub columns: &'a [Column],
    /// Whether its events were in the order of their times.
    pub was_by_clock: bool,
    /// Whether those had ids of the source's own; not known of tables from before this was kept.
    pub had_own_ids: Option<bool>,
}

impl Evolution {
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

impl Table {
    /// Compares what a table was made of, `made` from `origin`, with its definition and with the source's catalogue.
    ///
    /// New columns are added, types are widened where that changes no value, by the table's `contract` and `new_columns`; what
    /// else differs is noted. `before` are the differences that were seen before.
    ///
    /// # Errors
    ///
    /// A sentence where the definition itself cannot be used with this catalogue.
    pub fn evolve(
        &self,
        made: MadeOf<'_>,
        catalogue: &[CatalogueColumn],
        before: &[Drift],
    ) -> Result<Evolution, String> {
        let name = &self.id.name;
        let MadeOf {
            origin,
            columns: made,
            was_by_clock,
            had_own_ids,
        } = made;
        let mut evolution = Evolution::default();
        let lasting =
            |drift: &&Drift| matches!(drift.change, DriftKind::Added | DriftKind::Widened);
        evolution.drift = before.iter().filter(lasting).cloned().collect();
        self.refuse_other_identity(origin, made, &mut evolution);
        let order = self.other_ids(had_own_ids);
        if let Some(detail) = order.or_else(|| self.other_order(was_by_clock)) {
            evolution.refuse(detail);
        }
        let gone_key = missing_key(made, catalogue);
        if let Some(key) = gone_key {
            evolution.columns = made.to_vec();
            evolution.note(&key, DriftKind::Gone, "it belongs to the key".into());
            evolution.refuse(format!(
                "column `{key}` of the key of `{name}` is gone from `{}`; bring it back, or set `tables.{name}.key` to what tells the rows apart now and call `POST /v1/tables/…/restage`",
                self.from
            ));
            return Ok(evolution);
        }
        let wanted = self.columns(catalogue)?;
        for column in made {
            let found = wanted.iter().find(|wanted| wanted.name == column.name);
            let kept = if let Some(wanted) = found {
                self.keep(column, wanted, &mut evolution)
            } else {
                let hint = renamed(made, &wanted);
                let detail =
                    format!("the source has it no longer; it stays, null from then on{hint}");
                evolution.note(&column.name, DriftKind::Gone, detail);
                column.clone()
            };
            evolution.columns.push(kept);
        }
        for column in wanted {
            if made.iter().all(|known| known.name != column.name) {
                self.take_in(column, &mut evolution);
            }
        }
        self.check_contract(catalogue, &mut evolution);
        for drift in &mut evolution.drift {
            let seen = before
                .iter()
                .find(|seen| seen.column == drift.column && seen.change == drift.change);
            if let Some(seen) = seen {
                drift.run_id = drift.run_id.or(seen.run_id);
                // Said when it went; later it cannot be told what came in its place.
                if drift.change == DriftKind::Gone {
                    drift.detail.clone_from(&seen.detail);
                }
            }
        }

        Ok(evolution)
    }

    /// Another source table or another key makes other tables of it.
    fn refuse_other_identity(&self, origin: &str, made: &[Column], evolution: &mut Evolution) {
        let name = &self.id.name;
        if self.from != origin {
            evolution.refuse(format!(
                "`tables.{name}.from` is `{}`, but the tables were made from `{origin}`; put it back, or make them anew by `POST /v1/tables/…/restage`",
                self.from
            ));
        }
        let mut wanted: Vec<String> = self.key.iter().map(|key| key.to_lowercase()).collect();
        let mut key: Vec<String> = made
            .iter()
            .filter(|c| c.is_key)
            .map(|c| c.name.clone())
            .collect();
        wanted.sort_unstable();
        key.sort_unstable();
        if wanted != key {
            evolution.refuse(format!(
                "`tables.{name}.key` is `{}`, but the tables were made with `{}`; put it back, or make them anew by `POST /v1/tables/…/restage`",
                wanted.join(", "),
                key.join(", ")
            ));
        }
    }

    /// What becomes of a column that both have.
    fn keep(&self, made: &Column, wanted: &Column, evolution: &mut Evolution) -> Column {
        let name = &self.id.name;
        let mut kept = Column {
            description: wanted.description.clone(),
            ..made.clone()
        };
        let declared = self
            .columns
            .iter()
            .any(|c| c.name.to_lowercase() == made.name);
        if (&made.from, &made.path) != (&wanted.from, &wanted.path) {
            evolution.refuse(format!(
                "`tables.{name}.columns.{}` is filled from `{}` now and was from `{}`; put it back, or make the tables anew by `POST /v1/tables/…/restage`",
                made.name, wanted.from, made.from
            ));
        } else if made.is_untracked != wanted.is_untracked {
            evolution.refuse(format!(
                "`tables.{name}.history.tracked` is another than the history was made with; put it back, or make it anew by `POST /v1/tables/…/rebuild`"
            ));
        } else if made.data_type != wanted.data_type {
            if made.widens_to(wanted) && (declared || self.contract == Contract::Evolve) {
                evolution.note(
                    &made.name,
                    DriftKind::Widened,
                    format!("from {} to {}", made.data_type, wanted.data_type),
                );
                kept = Column {
                    is_key: made.is_key,
                    ..wanted.clone()
                };
            } else if declared {
                evolution.refuse(format!(
                    "`tables.{name}.columns.{}` is declared as {}, but the tables have {}; put it back, or make them anew by `POST /v1/tables/…/restage`",
                    made.name, wanted.data_type, made.data_type
                ));
            } else if !made.holds(wanted) {
                evolution.note(
                    &made.name,
                    DriftKind::Retyped,
                    format!(
                        "the source has {} now; it stays {}: values that fit go in, others are rejects. `POST /v1/tables/…/restage` makes the tables anew with the new type",
                        wanted.data_type, made.data_type
                    ),
                );
            }
        }

        kept
    }

    /// What becomes of a column that is new.
    fn take_in(&self, column: Column, evolution: &mut Evolution) {
        let declared = self
            .columns
            .iter()
            .any(|c| c.name.to_lowercase() == column.name);
        let has = format!("the source has it as {}", column.data_type);
        if declared || (self.contract == Contract::Evolve && self.new_columns == NewColumns::Add) {
            evolution.note(
                &column.name,
                DriftKind::Added,
                format!("{has}; it is null in what came before"),
            );
            evolution.columns.push(column);
        } else if self.new_columns == NewColumns::Fail {
            evolution.note(&column.name, DriftKind::Ignored, has);
            evolution.refuse(format!(
                "column `{}` of `{}` is new and `new_columns` is `fail`; declare it, or set `new_columns` to `add` or `ignore`",
                column.name, self.from
            ));
        } else {
            let by = if self.contract == Contract::Enforced {
                "contract: enforced"
            } else {
                "new_columns: ignore"
            };
            evolution.note(
                &column.name,
                DriftKind::Ignored,
                format!("{has}; it is not taken in, by `{by}`. Declare it, and `restage` for what came before"),
            );
        }
    }

    /// An enforced contract stops where a declared column is missing or cannot hold what the source has.
    fn check_contract(&self, catalogue: &[CatalogueColumn], evolution: &mut Evolution) {
        let name = &self.id.name;
        if catalogue.is_empty() {
            return;
        }
        for declared in &self.columns {
            let Ok(column) = declared.column(catalogue) else {
                continue;
            };
            let found = catalogue.iter().find(|field| field.name == column.from);
            let fault = match found {
                None => format!("is gone from `{}`", self.from),
                Some(CatalogueColumn { name, data_type }) if column.path.is_none() => {
                    let source = Column::new(name, name, &DataType::from_postgres(data_type));
                    if column.holds(&source) {
                        continue;
                    }
                    format!(
                        "is {data_type} in `{}`, which {} does not hold",
                        self.from, column.data_type
                    )
                }
                Some(_) => continue,
            };
            if self.contract == Contract::Enforced {
                evolution.refuse(format!(
                    "column `{}` {fault}, and `contract: enforced` declares it for `{name}`; mend the source or the contract",
                    declared.name
                ));
            } else if found.is_none() {
                evolution.note(
                    &column.name,
                    DriftKind::Gone,
                    format!("it {fault}; it stays, null from then on"),
                );
            }
        }
    }
}

/// The column of the key that neither the catalogue nor the declaration has any more.
fn missing_key(made: &[Column], catalogue: &[CatalogueColumn]) -> Option<String> {
    let is_there = |column: &&Column| {
        catalogue.is_empty() || catalogue.iter().any(|field| field.name == column.from)
    };
    let gone = made.iter().filter(|c| c.is_key).find(|c| !is_there(c))?;

    Some(gone.name.clone())
}

/// A hint where one column went and one of the same type came.
fn renamed(made: &[Column], wanted: &[Column]) -> String {
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
            ". It may have been renamed to `{}`: then declare `{{name: {}, from: {}, data_type: {}}}` and `restage`",
            new.name, gone.name, new.from, gone.data_type
        ),
        _ => String::new(),
    }
}
