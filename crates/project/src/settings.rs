//! `dbt_project.yml`: variables, and configuration by folder.

use serde_json::Value;

use crate::config::Written;
use crate::fault::Fault;
use crate::files::Files;
use crate::nearest::did_you_mean;
use crate::properties::Placed;

pub(crate) const FILE: &str = "dbt_project.yml";
const NAMES: [&str; 3] = ["name", "vars", "models"];
/// What dbt reads from the file, and Icefront does not need.
const IGNORED: [&str; 19] = [
    "version",
    "config-version",
    "profile",
    "seed-paths",
    "analysis-paths",
    "snapshot-paths",
    "docs-paths",
    "asset-paths",
    "target-path",
    "log-path",
    "packages-install-path",
    "clean-targets",
    "require-dbt-version",
    "flags",
    "data_tests",
    "tests",
    "restrict-access",
    "docs",
    "query-comment",
];

/// The settings of a project.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) vars: Written,
    models: Written,
    has_file: bool,
}

impl Settings {
    /// Reads the file, if there is one.
    pub(crate) fn read(files: &mut Files, name: &str, faults: &mut Vec<Fault>) -> Self {
        let mut settings = Self {
            name: name.into(),
            ..Self::default()
        };
        let Some(file) = files.one(FILE, faults) else {
            return settings;
        };
        let Some(Value::Object(yaml)) = crate::properties::parse(FILE, &file.text, faults) else {
            return settings;
        };
        settings.has_file = true;
        for (key, value) in yaml {
            match (key.as_str(), value) {
                ("name", Value::String(name)) => settings.name = name,
                ("vars", Value::Object(vars)) => settings.vars = vars,
                ("models", Value::Object(models)) => settings.models = models,
                ("vars" | "models", Value::Null) => {}
                (key, _) if IGNORED.contains(&key) => {}
                ("model-paths" | "macro-paths" | "test-paths", value) => check_path(key.as_str(), &value, faults),
                (key @ ("seeds" | "snapshots" | "on-run-start" | "on-run-end" | "dispatch"), _) => faults.push(Fault::new(
                    FILE,
                    format!("`{key}` is not supported: a pipeline has tables and models, and sends no other statements"),
                )),
                (key, _) => {
                    let near = did_you_mean(key, NAMES);
                    faults.push(Fault::new(FILE, format!("`{key}` is not known, or not of this shape{near}")));
                }
            }
        }
        // The variables of this project may stand below its name.
        if let Some(Value::Object(own)) = settings.vars.remove(&settings.name) {
            settings.vars.extend(own);
        }

        settings
    }

    /// The configuration of a model by its folders, the outermost first. `place` is `models/staging/orders.sql`.
    pub(crate) fn of_model(&self, place: &str) -> Vec<Placed<Written>> {
        let mut all = Vec::new();
        if !self.has_file {
            return all;
        }
        let mut at = &self.models;
        let folders: Vec<&str> = place.split('/').skip(1).collect();
        let stem = folders.last().map(|file| file.trim_end_matches(".sql"));
        let (_, folders) = folders.split_last().unwrap_or((&"", &[]));
        let path = std::iter::once(self.name.as_str())
            .chain(folders.iter().copied())
            .chain(stem);
        all.push(own(at));
        for part in path {
            match at.get(part) {
                Some(Value::Object(inner)) => at = inner,
                _ if part == self.name => continue,
                _ => break,
            }
            all.push(own(at));
        }

        all
    }
}

/// The configuration at one level: names with `+`, and plain ones that are no folder.
fn own(level: &Written) -> Placed<Written> {
    let value = level
        .iter()
        .filter_map(|(name, value)| match name.strip_prefix('+') {
            Some(name) => Some((name.to_owned(), value.clone())),
            None if !value.is_object() => Some((name.clone(), value.clone())),
            None => None,
        })
        .collect();

    Placed {
        file: FILE.into(),
        value,
    }
}

/// Models, macros and tests are where dbt has them by default.
fn check_path(key: &str, value: &Value, faults: &mut Vec<Fault>) {
    let expected = key.trim_end_matches("-paths").to_owned() + "s";
    if *value != serde_json::json!([expected]) {
        faults.push(Fault::new(
            FILE,
            format!("`{key}` is not supported; put the files into `{expected}/`"),
        ));
    }
}
