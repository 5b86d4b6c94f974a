//! `dbt_project.yml`: variables, and configuration by folder.

use serde_json::Value;

use crate::config::Written;
use crate::data_test::check_settings;
use crate::fault::{Fault, Said};
use crate::files::{File, Files};
use crate::nearest::did_you_mean;
use crate::properties::Placed;

pub(crate) const FILE: &str = "dbt_project.yml";
const NAMES: [&str; 4] = ["name", "vars", "models", "data_tests"];
/// What dbt reads from the file, and Icefront does not need.
const IGNORED: [&str; 17] = [
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
    "restrict-access",
    "docs",
    "query-comment",
];

/// The settings of a project.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) vars: Written,
    /// Configuration of models by folder, with its file.
    models: Vec<Placed<Written>>,
    /// Settings of tests by folder.
    tests: Written,
}

impl Settings {
    /// Reads the file, if there is one.
    pub(crate) fn read(files: &mut Files, name: &str, said: &mut Said) -> Self {
        let mut settings = Self {
            name: name.into(),
            ..Self::default()
        };
        if let Some(file) = files.one(FILE, &mut said.faults) {
            settings.add_file(&file, said);
        }
        // The variables of this project may stand below its name.
        if let Some(Value::Object(own)) = settings.vars.remove(&settings.name) {
            settings.vars.extend(own);
        }

        settings
    }

    fn add_file(&mut self, file: &File, said: &mut Said) {
        let faults = &mut said.faults;
        let Some(Value::Object(yaml)) = crate::properties::parse(FILE, &file.text, faults) else {
            return;
        };
        for (key, value) in yaml {
            match (key.as_str(), value) {
                ("name", Value::String(name)) => self.name = name,
                ("vars", Value::Object(vars)) => self.vars = vars,
                ("models", Value::Object(models)) => self.models.push(Placed {
                    file: FILE.into(),
                    value: models,
                }),
                ("data_tests" | "tests", Value::Object(tests)) => self.tests.extend(tests),
                ("vars" | "models" | "data_tests" | "tests", Value::Null) => {}
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
        check_tests(&self.tests, said);
    }

    /// The configuration of a model by its folders, the outermost first. `place` is `models/staging/orders.sql`.
    pub(crate) fn of_model(&self, place: &str) -> Vec<Placed<Written>> {
        let of_file = |Placed { file, value }: &Placed<Written>| {
            let levels = self.levels(value, place).into_iter();
            let placed = levels.map(|value| Placed {
                file: file.clone(),
                value,
            });
            placed.collect::<Vec<_>>()
        };

        self.models.iter().flat_map(of_file).collect()
    }

    /// The settings of tests that are declared, or written, in a file.
    pub(crate) fn of_tests(&self, place: &str) -> Written {
        self.levels(&self.tests, place)
            .into_iter()
            .flatten()
            .collect()
    }

    /// What a map by folders says about a file, the outermost folder first. The outermost of all may be the project's name.
    fn levels(&self, folders: &Written, place: &str) -> Vec<Written> {
        let mut levels = vec![own(folders)];
        let path = place.split_once('/').map_or("", |(_, path)| path);
        let path = path.trim_end_matches(".sql");
        let mut at = folders;
        for part in std::iter::once(self.name.as_str()).chain(path.split('/')) {
            match at.get(part) {
                Some(Value::Object(inner)) => at = inner,
                _ if part == self.name => continue,
                _ => break,
            }
            levels.push(own(at));
        }

        levels
    }
}

/// The configuration at one level: names with `+`, and plain ones that are no folder.
fn own(level: &Written) -> Written {
    level
        .iter()
        .filter_map(|(name, value)| match name.strip_prefix('+') {
            Some(name) => Some((name.to_owned(), value.clone())),
            None if !value.is_object() => Some((name.clone(), value.clone())),
            None => None,
        })
        .collect()
}

/// Says what is wrong with settings of tests, in all folders.
fn check_tests(level: &Written, said: &mut Said) {
    match check_settings(&own(level)) {
        Ok(warnings) => warnings
            .into_iter()
            .for_each(|message| said.warning(Fault::new(FILE, message))),
        Err(message) => said.fault(Fault::new(FILE, message)),
    }
    let folders = level.iter().filter(|(name, _)| !name.starts_with('+'));
    for folder in folders.filter_map(|(_, value)| value.as_object()) {
        check_tests(folder, said);
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
