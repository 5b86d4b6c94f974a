//! What runs, jobs and datasets are called in OpenLineage.

use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::app::App;
use crate::pipeline::{Definition, SourceDefinition, Table};
use crate::sql::TableName;
use crate::state::{LineageNote, RunOfJob};

/// A dataset's name. The specification says how each kind of server names its tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatasetName {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// The runs above one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) parent: RunOfJob,
    /// The run at the top.
    pub(super) root: RunOfJob,
}

impl RunOfJob {
    /// The run of a pipeline. A run that a caller retried is another one: its first end was told.
    pub(super) fn of_pipeline(app: &App, note: &LineageNote, pipeline: &str) -> Self {
        let run = if note.first_attempt > 1 {
            derived(note.run_id, &format!("from attempt {}", note.first_attempt))
        } else {
            note.run_id
        };

        Self {
            run,
            namespace: app.config.lineage.namespace.clone(),
            job: pipeline.to_owned(),
        }
    }

    /// A step of a run. Each attempt of it is a run of its own.
    pub(super) fn of_step(app: &App, note: &LineageNote, pipeline: &str, step: &str) -> Self {
        // The tests of a table are a step; those of a model belong to its step.
        let step = match step.strip_prefix("model.") {
            Some(model) if note.is_of_tests => format!("test.{model}"),
            _ => step.to_owned(),
        };

        Self {
            run: derived(note.run_id, &format!("{step} attempt {}", note.attempt)),
            namespace: app.config.lineage.namespace.clone(),
            job: format!("{pipeline}.{step}"),
        }
    }
}

impl Parent {
    /// The caller's run, if the request of a run names one.
    pub(super) fn of_request(named: Option<&Value>) -> Option<Self> {
        let named = named?;
        let parse = |name: &str| RunOfJob::parse(named[name].as_str()?);
        let parent = parse("parent_id")?;

        Some(Self {
            root: parse("root_parent_id").unwrap_or_else(|| parent.clone()),
            parent,
        })
    }
}

/// Another UUID of the time of a run, always the same for the same words.
fn derived(run: Uuid, words: &str) -> Uuid {
    let hash = Sha256::digest(format!("{run} {words}"));
    let mut random = [0; 10];
    random.copy_from_slice(&hash[..10]);
    let milliseconds = u64::try_from(run.as_u128() >> 80).unwrap_or_default();

    Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
}

impl DatasetName {
    /// A table in Trino. Trino keeps names in lower case.
    pub(super) fn in_trino(app: &App, table: &TableName) -> Self {
        Self {
            namespace: trino(&app.config.trino.url),
            name: table.to_string().to_lowercase(),
        }
    }

    /// A table in its source; `None` if the settings do not say where that is.
    pub(super) fn in_source(app: &App, definition: &Definition, table: &Table) -> Option<Self> {
        if let SourceDefinition::Files(files) = &definition.source {
            let pattern = table.files.as_deref().unwrap_or_default();
            return Some(in_folder(files.split().0, pattern));
        }
        let connection = definition.source.connection()?;
        let settings = app.config.connections.get(connection)?;
        let place = settings.address(connection).ok()?.place().ok()?;

        Some(Self {
            namespace: format!("postgres://{}:{}", place.host, place.port),
            name: format!("{}.{}", place.database, table.source),
        })
    }
}

/// The namespace of a Trino server.
pub(super) fn trino(url: &str) -> String {
    let url = reqwest::Url::parse(url).ok();
    let host = url.as_ref().and_then(reqwest::Url::host_str);
    let port = url.as_ref().and_then(reqwest::Url::port_or_known_default);

    format!(
        "trino://{}:{}",
        host.unwrap_or("localhost"),
        port.unwrap_or(8080)
    )
}

/// Files below a folder: `file:///data/drops/` or `s3://bucket/drops/`.
fn in_folder(folder: &str, pattern: &str) -> DatasetName {
    let (namespace, path) = match folder.split_once("://") {
        Some(("file", path)) => ("file".to_owned(), path),
        Some((scheme, rest)) => {
            let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
            (format!("{scheme}://{bucket}"), path)
        }
        None => ("file".to_owned(), folder),
    };
    let path = path.trim_end_matches('/');
    let slash = if path.is_empty() || pattern.is_empty() {
        ""
    } else {
        "/"
    };

    DatasetName {
        namespace,
        name: format!("{path}{slash}{pattern}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_derived_id_is_of_the_runs_time_and_stays_the_same() {
        let run: Uuid = "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60".parse().expect("one");
        let step = derived(run, "stage.orders attempt 1");

        assert_eq!(step, derived(run, "stage.orders attempt 1"));
        assert_ne!(step, derived(run, "stage.orders attempt 2"));
        assert_eq!(step.get_version_num(), 7);
        assert_eq!(step.to_string()[..13], run.to_string()[..13]);
    }

    #[test]
    fn datasets_are_named_as_the_specification_says() {
        assert_eq!(trino("https://trino.example"), "trino://trino.example:443");
        assert_eq!(trino("http://trino:8080/"), "trino://trino:8080");
        for (folder, pattern, namespace, name) in [
            (
                "s3://bucket/drops/",
                "orders/*.csv",
                "s3://bucket",
                "drops/orders/*.csv",
            ),
            ("s3://bucket/", "*.csv", "s3://bucket", "*.csv"),
            (
                "file:///data/drops/",
                "orders/*",
                "file",
                "/data/drops/orders/*",
            ),
        ] {
            let expected = DatasetName {
                namespace: namespace.into(),
                name: name.into(),
            };
            assert_eq!(in_folder(folder, pattern), expected);
        }
    }

    #[test]
    fn the_parent_is_read_as_airflow_writes_it() {
        let id = "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60";
        let parent = |named: Value| Parent::of_request(Some(&named));
        let both = parent(json!({
            "parent_id": format!("team/prod/shop.run/{id}"),
            "root_parent_id": format!("prod/shop/{id}"),
        }));
        let both = both.expect("a parent");
        assert_eq!(both.parent.namespace, "team/prod");
        assert_eq!(both.parent.job, "shop.run");
        assert_eq!(both.root.job, "shop");

        let alone = parent(json!({"parent_id": format!("prod/shop.run/{id}")}));
        let alone = alone.expect("a parent");
        assert_eq!(alone.root, alone.parent);
        assert_eq!(parent(json!({"parent_id": "prod/shop"})), None);
    }
}
