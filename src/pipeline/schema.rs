//! The JSON Schema of `pipeline.yaml`, from the types that read it. Editors complete and check files with it.

use icefront_project::tidy_schema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::definition::PipelineYaml;

/// The JSON Schema of `pipeline.yaml`.
#[must_use]
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();

    tidy_schema(generator.into_root_schema_for::<PipelineYaml>())
}
