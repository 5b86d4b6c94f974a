//! The schema of the state database: whether it fits this program, and how it is brought up to date.

use deadpool_postgres::Object;
use refinery::Migration;
use tokio_postgres::error::SqlState;

use super::sql::sql;
use super::{Store, queries};
use crate::error::{Error, Result};

mod migrations {
    refinery::embed_migrations!("sql/migrations");
}

/// How the schema of the state database fits this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schema {
    UpToDate,
    /// Migrations of this program are not done yet.
    Behind {
        /// The last one that is done; 0 if none is.
        done: i32,
    },
    /// A newer program has done migrations that this one does not know. They left everything that this one needs.
    Expanded,
    /// A newer program has done migrations that this one does not know and may not run on.
    Newer {
        done: i32,
    },
    /// A migration is not the one that this program has.
    Changed {
        version: i32,
    },
}

/// A migration that was done.
struct Applied {
    version: i32,
    name: String,
    checksum: String,
}

impl Schema {
    /// `oldest_service` is the version of the oldest program that may run on the schema, if newer ones say so.
    fn of(applied: &[Applied], oldest_service: Option<i32>) -> Self {
        let known = known();
        let done = applied.last().map_or(0, |last| last.version);
        let newest = newest();
        let is_other = |applied: &&Applied| {
            let same = known
                .iter()
                .find(|known| known.version() == applied.version);
            same.is_none_or(|same| {
                same.name() != applied.name || same.checksum().to_string() != applied.checksum
            })
        };
        let own = applied.iter().filter(|applied| applied.version <= newest);
        if let Some(changed) = own.clone().find(is_other) {
            return Self::Changed {
                version: changed.version,
            };
        }
        if own.count() < known.len() {
            return Self::Behind { done };
        }

        if done <= newest {
            Self::UpToDate
        } else if oldest_service.is_some_and(|oldest| oldest <= newest) {
            Self::Expanded
        } else {
            Self::Newer { done }
        }
    }

    /// Whether a program may begin to work on it.
    #[must_use]
    pub fn fits(&self) -> bool {
        matches!(self, Self::UpToDate | Self::Expanded)
    }

    /// Whether a service that runs already can go on: a newer program that is rolled out keeps what the older ones need.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.fits() || matches!(self, Self::Newer { .. })
    }

    /// Whether no migration of this program can make it fit.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::Newer { .. } | Self::Changed { .. })
    }

    /// What does not fit, and what to do.
    #[must_use]
    pub fn misfit(&self) -> Error {
        let newest = newest();
        let detail = match self {
            Self::UpToDate | Self::Expanded => "the schema of the state database fits".into(),
            Self::Behind { done } => format!(
                "the schema of the state database has version {done}, and this icefront needs version {newest}; run `icefront migrate` with the role that owns the schema, or wait while a service does"
            ),
            Self::Newer { done } => format!(
                "a newer icefront upgraded the state database to version {done}, and this icefront knows only version {newest}; start that icefront or a newer one; to go back, restore a backup from before the upgrade"
            ),
            Self::Changed { version } => format!(
                "migration {version} of the state database is not the one that this icefront has, so another build made the schema; start that build, or restore a backup"
            ),
        };

        Error::SchemaUnfit(detail)
    }
}

impl Store {
    /// Says how the schema fits this program.
    ///
    /// # Errors
    ///
    /// [`Error::StateUnavailable`] if the database does not answer, [`Error::SchemaUnfit`] if the role may not read the schema.
    pub async fn schema(&self) -> Result<Schema> {
        let client = self.client(&self.own_pool).await?;

        look(&client).await
    }

    /// Brings the schema up to date; services that start together take turns.
    ///
    /// # Errors
    ///
    /// [`Error::StateUnavailable`] if the database does not answer, [`Error::SchemaUnfit`] if the role may not change the schema or
    /// another program did, [`Error::Internal`] if a migration fails.
    pub async fn migrate(&self) -> Result<()> {
        let mut client = Object::take(self.client(&self.own_pool).await?);
        client
            .batch_execute(sql!(schema::migration_lock))
            .await
            .map_err(refused)?;
        // Another program may have migrated while this one waited for its turn.
        match look(&client).await? {
            schema if schema.fits() => return Ok(()),
            schema if schema.is_foreign() => return Err(schema.misfit()),
            _ => {}
        }
        migrations::migrations::runner()
            .run_async(&mut *client)
            .await
            .map_err(|cause| {
                if of_postgres(&cause) == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
                    may_not()
                } else {
                    Error::internal(cause)
                }
            })?;

        Ok(())
    }
}

/// The migrations of this program.
fn known() -> Vec<Migration> {
    migrations::migrations::runner().get_migrations().clone()
}

/// The version of this program's last migration.
fn newest() -> i32 {
    known().iter().map(Migration::version).max().unwrap_or(0)
}

async fn look(client: &tokio_postgres::Client) -> Result<Schema> {
    let applied = applied(client).await?;
    let is_newer = applied.last().is_some_and(|last| last.version > newest());
    let oldest_service = if is_newer {
        oldest_service(client).await?
    } else {
        None
    };

    Ok(Schema::of(&applied, oldest_service))
}

/// The version of the oldest program that may run on the schema; `None` if only those that know all of it may.
async fn oldest_service(client: &tokio_postgres::Client) -> Result<Option<i32>> {
    let row = client
        .query_opt(sql!(schema::oldest_service), &[])
        .await
        .map_err(refused)?;

    row.map(|row| row.try_get("oldest_service_schema"))
        .transpose()
        .map_err(queries::error)
}

/// The migrations that were done; none if the schema is missing.
async fn applied(client: &tokio_postgres::Client) -> Result<Vec<Applied>> {
    let rows = match client.query(sql!(schema::applied_migrations), &[]).await {
        Err(cause) if is_missing(&cause) => return Ok(Vec::new()),
        rows => rows.map_err(refused)?,
    };
    let applied = rows.iter().map(|row| {
        Ok(Applied {
            version: row.try_get("version")?,
            name: row.try_get("name")?,
            checksum: row.try_get("checksum")?,
        })
    });

    applied.collect::<Result<_, _>>().map_err(queries::error)
}

fn is_missing(cause: &tokio_postgres::Error) -> bool {
    let missing = [&SqlState::UNDEFINED_TABLE, &SqlState::INVALID_SCHEMA_NAME];

    cause.code().is_some_and(|code| missing.contains(&code))
}

fn refused(cause: tokio_postgres::Error) -> Error {
    if cause.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        return may_not();
    }

    queries::error(cause)
}

fn may_not() -> Error {
    Error::SchemaUnfit(
        "the role of `state.url` has not the rights that it needs on the schema `icefront`; run `icefront migrate` with the role that owns the schema, set `state.migrate = false` for the service, and grant its role what docs/reference/rights.md lists".into(),
    )
}

/// What Postgres said, if a migration failed by that.
fn of_postgres<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a SqlState> {
    match error.downcast_ref::<tokio_postgres::Error>() {
        Some(cause) => cause.code(),
        None => of_postgres(error.source()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done() -> Vec<Applied> {
        let known = known().into_iter().map(|known| Applied {
            version: known.version(),
            name: known.name().to_owned(),
            checksum: known.checksum().to_string(),
        });

        let mut done: Vec<Applied> = known.collect();
        done.sort_by_key(|applied| applied.version);
        done
    }

    #[test]
    fn a_schema_is_up_to_date_when_every_migration_is_done() {
        assert_eq!(Schema::of(&[], None), Schema::Behind { done: 0 });
        let mut done = done();
        assert_eq!(Schema::of(&done, None), Schema::UpToDate);
        done.pop();
        let last = done.last().expect("a migration").version;
        assert_eq!(Schema::of(&done, None), Schema::Behind { done: last });
    }

    #[test]
    fn a_newer_schema_serves_only_who_runs_already() {
        let mut done = done();
        done.push(Applied {
            version: 999,
            name: "later".into(),
            checksum: "1".into(),
        });

        let schema = Schema::of(&done, None);

        assert_eq!(schema, Schema::Newer { done: 999 });
        assert!(schema.serves() && schema.is_foreign() && !schema.fits());
        let contracted = Schema::of(&done, Some(newest() + 1));
        assert_eq!(contracted, Schema::Newer { done: 999 });
        let expanded = Schema::of(&done, Some(newest()));
        assert_eq!(expanded, Schema::Expanded);
        assert!(expanded.serves() && expanded.fits() && !expanded.is_foreign());
    }

    /// The words at the begin of the first line of a migration.
    const EXPANDS: &str = "-- expands: a service of version ";
    const CONTRACTS: &str = "-- contracts: ";

    #[test]
    fn every_migration_says_first_whether_older_services_run_on_it_and_notes_the_same() {
        for migration in known() {
            let version = migration.version();
            let sql = migration.sql().expect("its text");
            let first = sql.lines().next().unwrap_or_default();
            let note = "insert into icefront.expansions";
            // Those before have no such line: no service of them accepts a newer schema.
            if version < 21 {
                continue;
            }
            if let Some(oldest) = first.strip_prefix(EXPANDS) {
                let oldest = oldest.split(' ').next().expect("a version");
                let note = format!(
                    "{note} (version, oldest_service_schema) values ({version}, {oldest});"
                );
                assert!(sql.contains(&note), "V{version} lacks `{note}`");
            } else {
                assert!(
                    first.starts_with(CONTRACTS) && !sql.contains(note),
                    "the first line of V{version} begins neither with `{EXPANDS}` nor with `{CONTRACTS}`, or it notes another"
                );
            }
        }
    }

    #[test]
    fn a_changed_migration_fits_nobody() {
        let mut done = done();
        done[3].checksum = "1".into();

        let schema = Schema::of(&done, None);

        assert_eq!(schema, Schema::Changed { version: 4 });
        assert!(!schema.serves() && schema.is_foreign());
    }
}
