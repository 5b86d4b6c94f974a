//! A project: its models, rendered and ordered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::config::Config;
use crate::data_test::{DataTest, SingularTest};
use crate::fault::{Fault, Said};
use crate::properties::ModelProperties;
use crate::reading::Reading;
use crate::relation::{Column, Relation};
use crate::sources::SourceKey;
use crate::unit_test::UnitTest;
use crate::watch::Watch;

/// For templates whose macros and includes are deep in each other, in bytes.
const STACK: usize = 256 << 20;

/// How long one file may be rendered, and how often the waiting thread looks within that time.
const LONGEST: Duration = Duration::from_secs(10);
const LOOKS: u32 = 20;

/// What models may refer to.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Where the models' tables are.
    pub catalog: String,
    pub schema: String,
    /// `target.name`.
    pub target: String,
    /// What `ref` finds beside models: current rows and histories.
    pub tables: BTreeMap<String, Relation>,
    /// What `source` finds beside declared ones: the typed logs of the pipeline.
    pub sources: BTreeMap<SourceKey, Relation>,
    /// The columns of these tables and logs, in their order, as far as they are known.
    pub columns: BTreeMap<Relation, Vec<Column>>,
    /// The environment variables that templates may read, with their values.
    pub env: BTreeMap<String, Option<String>>,
    /// `vars` and `models` of `pipeline.yaml`, in the shape of `dbt_project.yml`. They win over those of that file.
    pub vars: Map<String, Value>,
    pub models: Map<String, Value>,
}

/// Models in the order in which they are built, with their tests.
#[derive(Clone, Debug, Default)]
pub struct Project {
    pub models: Vec<Model>,
    /// The tables of the pipeline that models may read: current rows and histories.
    pub tables: BTreeSet<String>,
    /// The tables of declared sources.
    pub sources: BTreeMap<SourceKey, Relation>,
    pub singular_tests: Vec<SingularTest>,
    pub unit_tests: Vec<UnitTest>,
    /// What has no effect.
    pub warnings: Vec<Fault>,
}

/// One model.
#[derive(Clone, Debug)]
pub struct Model {
    pub name: String,
    /// The file below the project's folder.
    pub file: String,
    /// As it is in the file.
    pub source: String,
    /// As it is sent. It may end in a comment without a line end.
    pub sql: String,
    pub config: Config,
    pub relation: Relation,
    /// The models and tables that it reads.
    pub refs: BTreeSet<String>,
    pub sources: BTreeSet<SourceKey>,
    /// The models that are refreshed before it: those that it reads, and those that its tests read where that makes no circle.
    pub after: BTreeSet<String>,
    pub properties: ModelProperties,
    pub tests: Vec<DataTest>,
}

impl Project {
    /// Reads the project in a folder. `name` is that of the pipeline, and of the project if it gives itself none.
    ///
    /// Steps and sizes of values bound what a template does. For what they do not see, a file may be rendered for ten seconds.
    /// Nothing can stop its thread, which then goes on until the process ends.
    ///
    /// # Errors
    ///
    /// All faults of all files. If a file is rendered for too long, only that.
    pub fn read(folder: &Path, name: &str, known: &Known) -> Result<Self, Vec<Fault>> {
        Self::read_within(LONGEST, folder, name, known)
    }

    /// The same, with another limit for each file.
    fn read_within(
        limit: Duration,
        folder: &Path,
        name: &str,
        known: &Known,
    ) -> Result<Self, Vec<Fault>> {
        let watch = Watch::default();
        let (sender, receiver) = mpsc::channel();
        let (folder, name) = (folder.to_owned(), name.to_owned());
        let mut reading = Reading {
            known: Arc::new(known.clone()),
            said: Said::default(),
            watch: watch.clone(),
        };
        let read = move || {
            let project = reading.project(&folder, &name);
            // Whoever waited may be gone.
            let _ = sender.send(result(project, reading.said));
        };
        let thread = std::thread::Builder::new().stack_size(STACK);
        if let Err(error) = thread.spawn(read) {
            return Err(unread(&error.to_string()));
        }

        loop {
            match receiver.recv_timeout(limit / LOOKS) {
                Ok(project) => return project,
                Err(RecvTimeoutError::Disconnected) => return Err(unread("rendering panicked")),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(file) = watch.longer_than(limit) {
                let message = format!(
                    "the template takes longer than {} seconds; does a loop or a macro make lists of lists?",
                    limit.as_secs_f32()
                );
                return Err(vec![Fault::new(&file, message)]);
            }
        }
    }

    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }
}

fn result(project: Option<Project>, said: Said) -> Result<Project, Vec<Fault>> {
    let Said { faults, warnings } = said.once();

    project
        .map(|project| Project {
            warnings,
            ..project
        })
        .ok_or(faults)
}

fn unread(why: &str) -> Vec<Fault> {
    vec![Fault::new(
        "models",
        format!("the models could not be read: {why}"),
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_rendered_for_too_long_is_named() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let write = |place: &str, text: &str| {
            let path = folder.path().join(place);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        };
        // Tuples count no steps, and no list holds them.
        write(
            "macros/same.sql",
            "{% macro same(x, y, n) %}{% if n %}{{ same((x, x), (y, y), n - 1) }}{% else %}{{ x == y }}{% endif %}{% endmacro %}",
        );
        write("models/quick.sql", "select 1 as a");
        write("models/slow.sql", "select {{ same(1, 1, 35) }} as a");
        let limit = Duration::from_millis(500);
        let faults = Project::read_within(limit, folder.path(), "shop", &Known::default());
        assert_eq!(
            faults.expect_err("a fault")[0].to_string(),
            "models/slow.sql: the template takes longer than 0.5 seconds; does a loop or a macro make lists of lists?"
        );
    }
}
