//! `dbt_project.yml` and `pipeline.yaml`: variables, and configuration by folder.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::Written;
use crate::data_test::check_settings;
use crate::fault::{Fault, Said};
use crate::files::{File, Files};
use crate::nearest::did_you_mean;
use crate::project::Known;
use crate::properties::Placed;

const FILE: &str = "dbt_project.yml";
const PIPELINE: &str = "pipeline.yaml";
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

/// The same, with what to do instead or what Icefront does.
const REPLACED: [(&str, &str); 9] = [
    (
        "dispatch",
        "`adapter.dispatch` looks for the project's macro first, then for the package's",
    ),
    ("sources", "write it for each source in a YAML file"),
    ("unit_tests", "`icefront unit-test` runs all unit tests"),
    ("exposures", "Icefront has no exposures"),
    ("metrics", "Icefront has no metrics"),
    ("semantic-models", "Icefront has no semantic models"),
    ("saved-queries", "Icefront has no saved queries"),
    (
        "snapshots",
        "Icefront keeps the history of each table by itself; read it with `ref('<table>_history')`",
    ),
    (
        "seeds",
        "no seed is loaded; put the file into a pipeline of files, and read its table by `ref`",
    ),
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
    /// Reads the file, if there is one. What the pipeline says wins.
    pub(crate) fn read(files: &mut Files, name: &str, known: &Known, said: &mut Said) -> Self {
        let mut settings = Self {
            name: name.into(),
            ..Self::default()
        };
        if let Some(file) = files.one(FILE, &mut said.faults) {
            settings.add_file(&file, said);
        }
        settings.add_vars(known.vars.clone());
        settings.models.push(Placed {
            file: PIPELINE.into(),
            value: known.models.clone(),
        });

        settings
    }

    /// The variables of this project may stand below its name.
    fn add_vars(&mut self, mut vars: Written) {
        let own = match vars.get(&self.name) {
            Some(Value::Object(_)) => vars.remove(&self.name),
            _ => None,
        };
        self.vars.extend(vars);
        if let Some(Value::Object(own)) = own {
            self.vars.extend(own);
        }
    }

    fn add_file(&mut self, file: &File, said: &mut Said) {
        let Said { faults, warnings } = &mut *said;
        let Some(Value::Object(yaml)) = crate::properties::parse(FILE, &file.text, faults) else {
            return;
        };
        let mut vars = Written::new();
        for (key, value) in yaml {
            if let Some((_, instead)) = REPLACED.iter().find(|(name, _)| *name == key) {
                let message = format!("`{key}` has no effect: {instead}");
                warnings.push(Fault::new(FILE, message));
                continue;
            }
            match (key.as_str(), value) {
                ("name", Value::String(name)) => self.name = name,
                ("vars", Value::Object(all)) => vars = all,
                ("models", Value::Object(models)) => self.models.push(Placed {
                    file: FILE.into(),
                    value: models,
                }),
                ("data_tests" | "tests", Value::Object(tests)) => self.tests.extend(tests),
                ("vars" | "models" | "data_tests" | "tests", Value::Null) => {}
                (key, _) if IGNORED.contains(&key) => {}
                ("model-paths" | "macro-paths" | "test-paths", value) => check_path(key.as_str(), &value, faults),
                (key @ ("on-run-start" | "on-run-end"), _) => faults.push(Fault::new(
                    FILE,
                    format!("`{key}` is not supported: a pipeline has tables and models, and sends no other statements"),
                )),
                (key, _) => {
                    let near = did_you_mean(key, NAMES);
                    faults.push(Fault::new(FILE, format!("`{key}` is not known, or not of this shape{near}")));
                }
            }
        }
        self.add_vars(vars);
        check_tests(&self.tests, said);
    }

    /// Warns of folders that no model is in. `models` are the files of all models.
    pub(crate) fn check_folders(&self, models: &[File], said: &mut Said) {
        let mut paths = BTreeSet::new();
        for file in models {
            let mut path = path(&file.place);
            while paths.insert(path)
                && let Some((folder, _)) = path.rsplit_once('/')
            {
                path = folder;
            }
        }
        for Placed { file, value } in &self.models {
            let own = value.get(&self.name).and_then(Value::as_object);
            let others = value.iter().filter(|(name, _)| **name != self.name);
            for (name, value) in others.chain(own.into_iter().flatten()) {
                check_folder(file, name, value, &paths, said);
            }
        }
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
        let mut at = folders;
        for part in std::iter::once(self.name.as_str()).chain(path(place).split('/')) {
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

/// The part of `models/staging/orders.sql` that configuration by folder names.
fn path(place: &str) -> &str {
    let path = place.split_once('/').map_or("", |(_, path)| path);

    path.trim_end_matches(".sql")
}

fn check_folder(file: &str, folder: &str, value: &Value, paths: &BTreeSet<&str>, said: &mut Said) {
    let Value::Object(inner) = value else { return };
    let name = folder.rsplit('/').next().unwrap_or(folder);
    if name.starts_with('+') {
        return;
    }
    if !paths.contains(folder) {
        let near = did_you_mean(folder, paths.iter().copied());
        let hint = if near.is_empty() {
            format!("; write `+{name}` if it is configuration")
        } else {
            near
        };
        let message =
            format!("`{folder}` below `models:` is no folder and no model in `models/`{hint}");
        said.warning(Fault::new(file, message));
        return;
    }
    for (name, value) in inner {
        check_folder(file, &format!("{folder}/{name}"), value, paths, said);
    }
}

/// Whether a file has configuration of folders. What is wrong with it is wrong for several models.
pub(crate) fn is_of_folders(file: &str) -> bool {
    file == FILE || file == PIPELINE
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
