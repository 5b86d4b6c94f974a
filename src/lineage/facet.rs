//! Facets of OpenLineage: each says who wrote it and which schema it has.

use serde_json::{Map, Value, json};

/// Who wrote an event.
pub(super) const PRODUCER: &str = concat!("urn:icefront:", env!("CARGO_PKG_VERSION"));
/// The schema of an event.
pub(super) const EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

/// Facets by their names in an event.
pub(super) type Facets = Map<String, Value>;

/// A kind of facet, with the version of its schema.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facet {
    /// In an event.
    name: &'static str,
    schema: &'static str,
    version: &'static str,
}

const fn facet(name: &'static str, schema: &'static str, version: &'static str) -> Facet {
    Facet {
        name,
        schema,
        version,
    }
}

impl Facet {
    pub(super) const PARENT: Self = facet("parent", "ParentRunFacet", "1-2-0");
    pub(super) const NOMINAL_TIME: Self = facet("nominalTime", "NominalTimeRunFacet", "1-0-1");
    pub(super) const ENGINE: Self = facet("processing_engine", "ProcessingEngineRunFacet", "1-1-1");
    pub(super) const ERROR: Self = facet("errorMessage", "ErrorMessageRunFacet", "1-0-1");
    pub(super) const QUERY: Self = facet("externalQuery", "ExternalQueryRunFacet", "1-0-2");
    pub(super) const JOB_TYPE: Self = facet("jobType", "JobTypeJobFacet", "2-0-4");
    pub(super) const SQL: Self = facet("sql", "SQLJobFacet", "1-1-0");
    pub(super) const JOB_DOCUMENTATION: Self =
        facet("documentation", "DocumentationJobFacet", "1-1-0");
    pub(super) const DOCUMENTATION: Self =
        facet("documentation", "DocumentationDatasetFacet", "1-1-0");
    pub(super) const SCHEMA: Self = facet("schema", "SchemaDatasetFacet", "1-2-0");
    pub(super) const DATA_SOURCE: Self = facet("dataSource", "DatasourceDatasetFacet", "1-0-1");
    pub(super) const DATASET_TYPE: Self = facet("datasetType", "DatasetTypeDatasetFacet", "1-0-1");
    pub(super) const VERSION: Self = facet("version", "DatasetVersionDatasetFacet", "1-0-1");
    pub(super) const COLUMN_LINEAGE: Self =
        facet("columnLineage", "ColumnLineageDatasetFacet", "1-2-0");
    pub(super) const ASSERTIONS: Self = facet(
        "dataQualityAssertions",
        "DataQualityAssertionsDatasetFacet",
        "1-1-0",
    );
    pub(super) const INPUT_STATISTICS: Self = facet(
        "inputStatistics",
        "InputStatisticsInputDatasetFacet",
        "1-0-0",
    );
    pub(super) const OUTPUT_STATISTICS: Self = facet(
        "outputStatistics",
        "OutputStatisticsOutputDatasetFacet",
        "1-0-2",
    );

    /// Adds a facet with these members. A member without a value is left out.
    pub(super) fn add(self, facets: &mut Facets, members: Value) {
        let Self {
            name,
            schema,
            version,
        } = self;
        let url =
            format!("https://openlineage.io/spec/facets/{version}/{schema}.json#/$defs/{schema}");
        let mut written = Map::new();
        written.insert("_producer".into(), json!(PRODUCER));
        written.insert("_schemaURL".into(), json!(url));
        if let Value::Object(members) = members {
            written.extend(members.into_iter().filter(|(_, value)| !value.is_null()));
        }
        facets.insert(name.to_owned(), written.into());
    }
}
