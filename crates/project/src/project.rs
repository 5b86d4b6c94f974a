//! A project: its models, rendered and ordered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value};

use crate::config::Config;
use crate::data_test::{DataTest, SingularTest};
use crate::fault::{Fault, Said};
use crate::properties::ModelProperties;
use crate::reading::Reading;
use crate::relation::{Column, Relation};
use crate::sources::SourceKey;
use crate::unit_test::UnitTest;

/// For templates whose macros and includes are deep in each other, in bytes.
const STACK: usize = 256 << 20;

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
    /// # Errors
    ///
    /// All faults of all files.
    pub fn read(folder: &Path, name: &str, known: &Known) -> Result<Self, Vec<Fault>> {
        let read = || {
            let mut reading = Reading {
                known,
                said: Said::default(),
            };
            let project = reading.project(folder, name);
            let Said { faults, warnings } = reading.said.once();

            project
                .map(|project| Self {
                    warnings,
                    ..project
                })
                .ok_or(faults)
        };
        let failed = |what: &str| {
            Err(vec![Fault::new(
                "models",
                format!("the models could not be read: {what}"),
            )])
        };

        std::thread::scope(|scope| {
            match std::thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, read)
            {
                Ok(thread) => thread
                    .join()
                    .unwrap_or_else(|_| failed("rendering panicked")),
                Err(error) => failed(&error.to_string()),
            }
        })
    }

    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }
}
