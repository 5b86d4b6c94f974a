//! The pipelines, tables, models and runs that a call names, by its path and its query.

use axum::RequestPartsExt;
use axum::extract::RawPathParams;
use axum::http::request::Parts;
use uuid::Uuid;

use crate::app::App;
use crate::error::{Error, Result};

/// The things that a call names in its path and its query.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) names: Vec<Name>,
    pub(super) run: Option<Uuid>,
}

/// The name of a pipeline, table or model.
#[derive(Debug)]
pub(super) struct Name {
    kind: &'static str,
    text: String,
    /// The parameter of the query; `None` for the path.
    field: Option<String>,
}

impl Objects {
    pub(super) async fn of(parts: &mut Parts) -> Result<Self> {
        let mut objects = Self::default();
        let path = parts.extract::<RawPathParams>().await;
        let path = path.map_err(|fault| Error::Malformed(fault.body_text()))?;
        for (name, value) in &path {
            if name == "run_id" {
                objects.run = value.parse().ok();
            } else if let Some(kind) = kind(name) {
                objects.names.push(Name {
                    kind,
                    text: value.to_owned(),
                    field: None,
                });
            }
        }
        let query = parts.uri.query().unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if let Some(kind) = kind(&name) {
                objects.names.push(Name {
                    kind,
                    text: value.into_owned(),
                    field: Some(name.into_owned()),
                });
            }
        }

        Ok(objects)
    }
}

impl Name {
    /// The pipeline that it names, or that its table or model is of.
    pub(super) fn pipeline(&self) -> &str {
        if self.kind == "pipeline" {
            return &self.text;
        }

        self.text
            .split_once('.')
            .map_or(self.text.as_str(), |(pipeline, _)| pipeline)
    }

    /// The answer to a name that does not exist, with the nearest one that the caller may see.
    pub(super) fn unknown(&self, granted: &App) -> Error {
        let pipelines = &granted.pipelines;
        let found = match self.kind {
            "table" => pipelines.table(&self.text).map(drop),
            "model" => pipelines.model(&self.text).map(drop),
            _ => pipelines.get(&self.text).map(drop),
        };
        let error = found
            .err()
            .unwrap_or_else(|| Error::not_found(self.kind, &self.text, []));

        match &self.field {
            Some(field) => error.at_field(field.clone()),
            None => error,
        }
    }
}

/// What a parameter of this name names. A source has the name of its pipeline.
fn kind(parameter: &str) -> Option<&'static str> {
    match parameter {
        "pipeline" | "source" => Some("pipeline"),
        "table" => Some("table"),
        "model" => Some("model"),
        _ => None,
    }
}
