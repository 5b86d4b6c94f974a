//! A model with its configuration, before the tables of the other models are known.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::{Config, Written};
use crate::control::fault_of_values;
use crate::fault::{Fault, Said};
use crate::files::File;
use crate::project::Known;
use crate::properties::{Placed, Properties};
use crate::relation::Relation;
use crate::remark::{Remark, remarks};
use crate::render::{Rendered, Renderer};
use crate::settings::{self, Settings};

/// A model that is enabled.
pub(crate) struct Draft {
    pub(crate) file: File,
    pub(crate) config: Config,
    pub(crate) relation: Relation,
    /// With tables of models as far as they were known.
    pub(crate) result: Rendered,
}

/// Where a model's table is.
pub(crate) fn relation(name: &str, config: &Config, known: &Known) -> Relation {
    Relation::new(
        &known.catalog,
        config.schema.as_deref().unwrap_or(&known.schema),
        config.alias.as_deref().unwrap_or(name),
    )
}

impl Draft {
    /// Renders a model for its configuration. Nothing if the model is disabled, or has a fault.
    pub(crate) fn read(
        file: File,
        renderer: &Renderer,
        settings: &Settings,
        properties: &Properties,
        known: &Known,
        said: &mut Said,
    ) -> Option<Self> {
        let mut written = settings.of_model(&file.place);
        if let Some(described) = properties.models.get(&file.name) {
            written.push(Placed {
                file: described.file.clone(),
                value: described.value.config.clone(),
            });
        }
        if is_off(&written) {
            return None;
        }
        let mut result = renderer.render(&file);
        written.push(Placed {
            file: file.place.clone(),
            value: std::mem::take(&mut result.config),
        });
        if is_off(&written) {
            return None;
        }
        if let Some(fault) = result.fault.take() {
            said.fault(fault);
            return None;
        }
        if !is_right(&file, &written, said) {
            return None;
        }
        let all: Vec<&Written> = written.iter().map(|one| &one.value).collect();
        match Config::read(&all) {
            Ok(config) => Some(Self {
                relation: relation(&file.name, &config, known),
                file,
                config,
                result,
            }),
            Err(message) => {
                said.fault(Fault::new(&file.place, message));
                None
            }
        }
    }
}

impl Draft {
    /// With the tables of all models known. A template that names none of `others`, whose tables turned out to be others, stays as it is.
    pub(crate) fn rendered_again(self, others: &BTreeSet<String>, renderer: &Renderer) -> Self {
        if self.result.refs.is_disjoint(others) && !others.contains(&self.file.name) {
            return self;
        }

        Self {
            result: renderer.render(&self.file),
            ..self
        }
    }
}

/// Whether configuration, of which the last one counts, disables its model.
fn is_off(written: &[Placed<Written>]) -> bool {
    let last = written
        .iter()
        .rev()
        .find_map(|one| one.value.get("enabled"));

    last.and_then(Value::as_bool) == Some(false)
}

/// Whether a model's configuration has no fault. A fault in the configuration of a folder is reported once.
fn is_right(file: &File, written: &[Placed<Written>], said: &mut Said) -> bool {
    let mut is_right = true;
    for one in written {
        let is_own = one.file == file.place || settings::is_of_folders(&one.file);
        let of_model = |message: String| {
            if is_own {
                Fault::new(&one.file, message)
            } else {
                Fault::new(&one.file, format!("model `{}`: {message}", file.name))
            }
        };
        // Those of files were looked at when they were read, those of `pipeline.yaml` were not.
        let values = Value::Object(one.value.clone());
        if let Some(fault) = fault_of_values(&one.file, &values, "") {
            said.fault(fault);
            is_right = false;
            continue;
        }
        for remark in remarks(&one.value) {
            match remark {
                Remark::Refused(message) => {
                    said.fault(of_model(message));
                    is_right = false;
                }
                Remark::Ignored(message) => said.warning(of_model(message)),
            }
        }
    }

    is_right
}
