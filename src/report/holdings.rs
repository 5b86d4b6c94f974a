//! What a leftover has in Trino. Only what runs of its pipeline are known to have written belongs to it.

use serde::Serialize;

use super::leftovers::{Leftover, existing};
use super::ownership::{Others, OwnTables};
use super::reset::{ResetAction, ResetDelete};
use super::stored::stored;
use super::written::WrittenTables;
use crate::app::App;
use crate::error::Result;
use crate::pipeline::SourceTable;
use crate::sql::TableName;
use crate::state::LeftoverKind;

/// A table or view that stays.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct KeptTable {
    /// Its name in Trino.
    #[schema(example = "lake.marts.orders")]
    pub trino_table: String,
    /// Why it stays.
    #[schema(
        example = "no run of `shop` made any of its snapshots; drop it yourself if nobody needs it"
    )]
    pub detail: String,
}

/// What a leftover has in Trino.
#[derive(Debug, Default)]
pub struct Holdings {
    /// The tables to drop.
    pub tables: Vec<TableName>,
    /// The views to drop, before the tables that they read.
    pub views: Vec<TableName>,
    /// Tables that lose only the rows of `source`: first the rejects, then the landing table.
    pub shared: Vec<TableName>,
    /// The source table whose events go; `None` if another table reads them, too.
    pub source: Option<SourceTable>,
    /// Whether its pipeline was removed and holds nothing else.
    pub is_last: bool,
    pub kept: Vec<KeptTable>,
    rejects: i64,
    landed: i64,
}

impl Holdings {
    /// Finds what belongs to a leftover, as it is now.
    pub async fn find(app: &App, leftover: &Leftover, written: &WrittenTables) -> Result<Self> {
        let Leftover { id, kind } = leftover;
        let is_removed = app.pipelines.get(&id.pipeline).is_err();
        let mut holdings = Self {
            is_last: is_removed && app.store.is_last_held(id, *kind).await?,
            ..Self::default()
        };
        if *kind == LeftoverKind::Table {
            holdings.find_source(app, leftover).await?;
        }
        let mut dropped: Vec<&String> = written.own.iter().collect();
        let mut shared = Vec::new();
        if holdings.is_last {
            dropped.extend(written.views());
            dropped.extend(written.shared());
        } else if holdings.source.is_some() {
            shared.extend(written.shared());
        }
        let existing = existing(app, dropped.iter().chain(&shared).copied()).await?;
        let others = Others::find(app, leftover, &dropped).await?;
        let own = OwnTables {
            app,
            pipeline: &id.pipeline,
            written,
            existing: &existing,
        };
        for table in dropped {
            let Some((name, is_view)) = own.existing(table) else {
                continue;
            };
            let reason = match others.writer_of(table) {
                Some(other) => Some(format!("pipeline `{other}` writes it")),
                None => own.foreign(table, &name, is_view).await?,
            };
            match reason {
                Some(detail) => holdings.kept.push(KeptTable {
                    trino_table: table.clone(),
                    detail,
                }),
                None if is_view => holdings.views.push(name),
                None => holdings.tables.push(name),
            }
        }
        for table in shared {
            if let Some((name, false)) = own.existing(table)
                && own.foreign(table, &name, false).await?.is_none()
            {
                holdings.shared.push(name);
            }
        }

        Ok(holdings)
    }

    /// Finds the source table whose events may go.
    async fn find_source(&mut self, app: &App, leftover: &Leftover) -> Result<()> {
        let id = &leftover.id;
        let origin = app.store.origin(id).await?;
        let Some(source) = origin.and_then(|origin| origin.parse::<SourceTable>().ok()) else {
            return Ok(());
        };
        let Some(held) = app.store.held_table(id, &source).await? else {
            return Ok(());
        };
        let definition = app.pipelines.get(&id.pipeline).ok();
        let mut declared = definition.iter().flat_map(|of| of.tables.values());
        if !held.shares_events && !declared.any(|table| table.source == source) {
            self.source = Some(source);
            self.rejects = held.rejects;
            self.landed = held.landed;
        }

        Ok(())
    }

    /// What would be deleted, with the rows of each table.
    pub(super) async fn deletes(&self, app: &App) -> Result<Vec<ResetDelete>> {
        let mut deletes: Vec<ResetDelete> = self
            .views
            .iter()
            .map(|view| ResetDelete {
                trino_table: view.to_string(),
                action: ResetAction::DropView,
                rows: None,
            })
            .collect();
        for table in &self.tables {
            deletes.extend(stored(app, table).await?.map(|stored| ResetDelete {
                trino_table: stored.trino_table,
                action: ResetAction::DropTable,
                rows: Some(stored.rows),
            }));
        }
        for table in &self.shared {
            let is_of_rejects = table
                .0
                .last()
                .is_some_and(|name| name.ends_with("_rejects"));
            deletes.push(ResetDelete {
                trino_table: table.to_string(),
                action: ResetAction::DeleteRows,
                rows: Some(if is_of_rejects {
                    self.rejects
                } else {
                    self.landed
                }),
            });
        }

        Ok(deletes)
    }
}
