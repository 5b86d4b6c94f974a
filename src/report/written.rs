//! What runs of a leftover's pipeline wrote in Trino, by the statements that the state database noted.

use super::leftovers::{
    Leftover, is_landing, is_rejects, own_tables, tables_of_pipelines, trino_name,
};
use crate::app::App;
use crate::error::Result;
use crate::sql::TableName;
use crate::state::WrittenTable;

/// What runs of a leftover's pipeline wrote in Trino.
#[derive(Debug)]
pub struct WrittenTables {
    all: Vec<WrittenTable>,
    /// Those of the leftover alone.
    pub(super) own: Vec<String>,
}

impl WrittenTables {
    pub async fn find(app: &App, leftover: &Leftover) -> Result<Self> {
        let all = app.store.written_tables(&[&leftover.id.pipeline]).await?;
        let own = own_tables(&all, leftover, &tables_of_pipelines(app).await?);

        Ok(Self { all, own })
    }

    /// The names of all tables and views that the deletion may write to.
    pub fn names(&self) -> impl Iterator<Item = TableName> {
        let shared = self.all.iter().filter(|table| is_shared(table));
        let shared = shared.map(|table| &table.target);

        self.own
            .iter()
            .chain(shared)
            .filter_map(|name| trino_name(name))
    }

    /// The names of everything that runs of the pipeline wrote.
    pub(super) fn targets(&self) -> Vec<String> {
        self.all.iter().map(|table| table.target.clone()).collect()
    }

    /// The landing table; several if its schema changed.
    pub(super) fn landing(&self) -> impl Iterator<Item = TableName> {
        let landing = self.all.iter().filter(|table| is_landing(table));

        landing.filter_map(|table| trino_name(&table.target))
    }

    /// The landing table that was written last.
    #[must_use]
    pub fn last_landing(&self) -> Option<TableName> {
        let landing = self.all.iter().filter(|table| is_landing(table));
        let last = landing.max_by_key(|table| table.last_statement)?;

        trino_name(&last.target)
    }

    /// The rejects, then the landing table.
    pub(super) fn shared(&self) -> impl Iterator<Item = &String> {
        let rejects = self.all.iter().filter(|table| is_rejects(table));
        let landing = self.all.iter().filter(|table| is_landing(table));

        rejects.chain(landing).map(|table| &table.target)
    }

    /// The views of monitoring and freshness.
    pub(super) fn views(&self) -> impl Iterator<Item = &String> {
        let views = self.all.iter();
        let views = views.filter(|table| table.last_step == "monitoring");

        views.map(|table| &table.target)
    }
}

fn is_shared(table: &WrittenTable) -> bool {
    is_landing(table) || is_rejects(table)
}
