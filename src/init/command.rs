//! The command: its options, and what it does with them.

use std::path::{Path, PathBuf};

use icefront_client::text::count;
use icefront_generate::QualifiedName;

use super::choice::{Choice, MOST_TABLES};
use super::draft::{self, Draft};
use super::fault::invalid;
use super::files::{self, Folder};
use super::kind::Kind;
use super::log::Log;
use super::report::Report;
use super::{names, question};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::pipeline::SourceTable;
use crate::source::{Connections, FoundTable, Inventory};

/// Write a pipeline for tables of a Postgres that you have: its `pipeline.yaml`, and the SQL that its source needs.
///
/// Looks at the catalogue of the source, and changes nothing there. Asks on a terminal for what you leave out.
#[derive(Debug, clap::Args)]
pub struct Init {
    /// The connection of the settings, `connections.<NAME>`. Without it, the only one
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// A table, such as `public.orders`; again for each one
    #[arg(long = "table", value_name = "TABLE")]
    tables: Vec<QualifiedName>,
    /// All tables of a schema; again for each one
    #[arg(long = "schema", value_name = "SCHEMA")]
    schemas: Vec<String>,
    /// How changes are found
    #[arg(long, value_name = "KIND", value_enum)]
    kind: Option<Kind>,
    /// The name of the pipeline. Without it, that of the connection
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// The folder to write. Without it, that of the pipeline below `pipelines.path`
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// The audit log; its SQL makes it if it is missing
    #[arg(long, value_name = "TABLE", default_value = "public.audit_log_dml")]
    audit_table: QualifiedName,
    /// The column that rises with each change of a row, for `postgres_table`; again for other names. Without it, `updated_at` and
    /// the like
    #[arg(long = "cursor", value_name = "COLUMN")]
    cursors: Vec<String>,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
}

impl Init {
    /// Looks, asks, and writes. Gives what to tell the caller. `settings` is the file that `config` was read from.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] and [`Error::NotFound`] if the options cannot be followed. Then nothing was written.
    pub async fn run(&self, config: &Config, settings: Option<&Path>) -> Result<String> {
        let connection = self.connection(config)?;
        let pipeline = self.pipeline(connection)?;
        let path = self
            .dir
            .clone()
            .unwrap_or_else(|| config.pipelines.path.join(&pipeline));
        let folder = Folder::new(path, self.force)?;
        let others = draft::others(config)?;
        draft::check_name(&pipeline, &others, &folder)?;
        let connections = Connections::new(&config.connections);
        let inventory = Inventory::open(&connections, connection).await?;
        let found = self.find(&inventory).await?;
        let kind = match self.kind {
            Some(kind) => kind,
            None => question::kind()?,
        };
        let log = match kind {
            Kind::AuditLog => Some(Log::find(source_table(&self.audit_table), &inventory).await?),
            Kind::Polled => None,
        };
        let user = inventory.user().await?;
        let choice = Choice::of(&inventory, found, &user, log.as_ref(), &self.cursors).await?;
        let draft = Draft::new(&pipeline, connection, log, choice, user);
        let text = draft.right_yaml(config, &others)?;
        let sql = draft.owner_sql(inventory.sees_transactions(), &folder)?;
        folder.write(files::DEFINITION, &text)?;
        if let Some(sql) = &sql {
            folder.write(files::SQL, sql)?;
        }

        Ok(Report {
            draft: &draft,
            folder: &folder,
            has_sql: sql.is_some(),
            config,
            settings,
        }
        .to_string())
    }

    fn connection<'c>(&'c self, config: &'c Config) -> Result<&'c str> {
        let names: Vec<&str> = config.connections.keys().map(String::as_str).collect();
        match (&self.connection, names.as_slice()) {
            (Some(name), _) if config.connections.contains_key(name) => Ok(name),
            (None, [only]) => Ok(only),
            (Some(name), []) => Err(invalid(
                "connection",
                format!(
                    "the settings have no `connections.{name}`; add its address: `connections.{name}.url = \"postgres://reader@host/database\"`"
                ),
            )),
            (None, []) => Err(invalid(
                "connection",
                "the settings have no connection; add the address of one: `connections.shop.url = \"postgres://reader@host/database\"`",
            )),
            (Some(name), _) => Err(Error::not_found("connection", name, names)),
            (None, _) => Err(invalid(
                "connection",
                format!(
                    "the settings have several connections; name one by `--connection`: {}",
                    names.join(", ")
                ),
            )),
        }
    }

    /// The name of the pipeline, which becomes part of the names of tables.
    fn pipeline(&self, connection: &str) -> Result<String> {
        let Some(name) = &self.pipeline else {
            return Ok(names::folded(connection));
        };
        let folded = names::folded(name);
        if folded == *name {
            return Ok(folded);
        }

        Err(invalid(
            "pipeline",
            format!(
                "`--pipeline` is `{name}`, and becomes part of table names; write lower-case letters, digits and `_`, such as `{folded}`"
            ),
        ))
    }

    /// The tables that the options name, or that the caller chooses.
    async fn find(&self, inventory: &Inventory<'_>) -> Result<Vec<FoundTable>> {
        let mut found = if self.tables.is_empty() && self.schemas.is_empty() {
            question::tables(&inventory.tables(None, MOST_TABLES).await?)?
        } else {
            let mut found = self.find_named(inventory).await?;
            found.extend(self.find_in_schemas(inventory).await?);
            found
        };
        found.sort_by(|one, other| one.name.cmp(&other.name));
        found.dedup_by(|one, other| one.name == other.name);
        if found.len() > MOST_TABLES as usize {
            return Err(too_many("the options name", found.len() as u64));
        }

        Ok(found)
    }

    async fn find_named(&self, inventory: &Inventory<'_>) -> Result<Vec<FoundTable>> {
        if self.tables.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<SourceTable> = self.tables.iter().map(source_table).collect();
        let known = inventory.named(&wanted, 10 * MOST_TABLES).await?.tables;
        let mut found = Vec::new();
        for name in &wanted {
            let same = known.iter().find(|table| table.name == *name);
            let mut alike = known.iter().filter(|table| is_alike(&table.name, name));
            match (same, alike.next(), alike.next()) {
                (Some(table), ..) | (None, Some(table), None) => found.push(table.clone()),
                (None, Some(one), Some(other)) => {
                    return Err(invalid(
                        "table",
                        format!(
                            "`{name}` may be `{}` or `{}`; write the one that you mean, in its upper and lower case",
                            one.name, other.name
                        ),
                    ));
                }
                (None, None, _) => return Err(missing(name, inventory).await?),
            }
        }

        Ok(found)
    }

    async fn find_in_schemas(&self, inventory: &Inventory<'_>) -> Result<Vec<FoundTable>> {
        if self.schemas.is_empty() {
            return Ok(Vec::new());
        }
        let found = inventory.tables(Some(&self.schemas), MOST_TABLES).await?;
        let schemas = self.schemas.join("`, `");
        if found.total > u64::from(MOST_TABLES) {
            return Err(too_many(&format!("schema `{schemas}` has"), found.total));
        }
        if found.tables.is_empty() {
            let all = inventory.tables(None, 10 * MOST_TABLES).await?.tables;
            let mut names: Vec<&str> = all.iter().map(|table| table.name.schema.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            return Err(invalid(
                "schema",
                format!(
                    "schema `{schemas}` has no tables; schemas with tables: {}",
                    names.join(", ")
                ),
            ));
        }

        Ok(found.tables)
    }
}

/// The error for a table that is not there, with the nearest name.
async fn missing(name: &SourceTable, inventory: &Inventory<'_>) -> Result<Error> {
    let schema = std::slice::from_ref(&name.schema);
    let mut known = inventory.tables(Some(schema), 10 * MOST_TABLES).await?;
    if known.tables.is_empty() {
        known = inventory.tables(None, 10 * MOST_TABLES).await?;
    }
    let names: Vec<String> = known
        .tables
        .iter()
        .map(|table| table.name.to_string())
        .collect();

    Ok(Error::not_found(
        "table",
        &name.to_string(),
        names.iter().map(String::as_str),
    ))
}

fn too_many(what: &str, total: u64) -> Error {
    invalid(
        "table",
        format!(
            "{what} {} tables, and a pipeline is made of at most {MOST_TABLES}; name those that you need by `--table`, again for each one",
            count(i64::try_from(total).unwrap_or(i64::MAX))
        ),
    )
}

fn is_alike(one: &SourceTable, other: &SourceTable) -> bool {
    one.schema.to_lowercase() == other.schema.to_lowercase()
        && one.name.to_lowercase() == other.name.to_lowercase()
}

fn source_table(name: &QualifiedName) -> SourceTable {
    SourceTable::new(name.schema.as_str(), name.name.as_str())
}
