//! Trino's properties of the tables of current rows and history, as `pipeline.yaml` declares them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::misfit::Misfit;
use super::named_column::{partition_column, sort_column};
use super::own_columns::{IS_CURRENT, is_own_column, lacking};
use super::{Column, Marts};

/// Trino's properties of the tables of current rows and history, by Trino's names.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "the names are Trino's")]
pub struct Properties {
    /// The format of data files.
    format: Option<FileFormat>,
    /// How data files are compressed.
    compression_codec: Option<Codec>,
    /// The version of Iceberg's format; it can only rise.
    #[schemars(range(min = 2, max = 3))]
    format_version: Option<u8>,
    /// By what the rows are in files of their own. The history is partitioned by `is_current` first.
    #[schemars(example = &["bucket(order_id, 16)"], example = &["month(ordered_on)"])]
    partitioning: Option<Vec<String>>,
    /// The order of rows in each file.
    #[schemars(example = &["customer_id", "ordered_on DESC NULLS LAST"])]
    sorted_by: Option<Vec<String>>,
    /// Columns with a Bloom filter in ORC files.
    orc_bloom_filter_columns: Option<Vec<String>>,
    /// Columns with a Bloom filter in Parquet files.
    parquet_bloom_filter_columns: Option<Vec<String>>,
    /// The size that a file should have at most.
    #[schemars(example = &"256MB")]
    target_max_file_size: Option<String>,
    /// The size of the row groups of Parquet files.
    #[schemars(example = &"64MB")]
    parquet_writer_row_group_size: Option<String>,
    /// Whether the paths of files begin with a hash, so that object stores spread the load.
    object_store_layout_enabled: Option<bool>,
    /// How often Trino tries a commit again that another writer was faster than.
    max_commit_retry: Option<u32>,
    /// Whether Trino deletes metadata files of earlier versions after each commit.
    delete_after_commit_enabled: Option<bool>,
    /// How many metadata files of earlier versions are kept.
    #[schemars(range(min = 1))]
    max_previous_versions: Option<u32>,
    /// Properties of Iceberg itself that the catalog allows by `iceberg.allowed-extra-properties`.
    extra_properties: Option<BTreeMap<String, String>>,
    // Refused, with what to do instead.
    #[serde(skip_serializing)]
    #[schemars(skip)]
    location: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    #[schemars(skip)]
    data_location: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    #[schemars(skip)]
    orc_bloom_filter_fpp: Option<IgnoredAny>,
}

/// The format of data files.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum FileFormat {
    Parquet,
    Orc,
    Avro,
}

/// How data files are compressed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Codec {
    None,
    Snappy,
    Lz4,
    Zstd,
    Gzip,
}

/// What a property names.
struct Named<'a> {
    property: &'static str,
    /// As it is written, such as `month(ordered_on)`.
    written: &'a str,
    /// The column in it; `None` if it is not one.
    column: Option<String>,
    /// What can be written.
    forms: &'static str,
}

impl Properties {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.of_current().is_empty()
    }

    /// Those of the table of current rows, by Trino's names.
    #[must_use]
    pub fn of_current(&self) -> Map<String, Value> {
        let mut written = Map::new();
        if let Ok(Value::Object(all)) = serde_json::to_value(self) {
            written.extend(all.into_iter().filter(|(_, value)| !value.is_null()));
        }

        written
    }

    /// Those of the history, which has its own partitioning too.
    #[must_use]
    pub fn of_history(&self) -> Map<String, Value> {
        let mut written = self.of_current();
        let own = self.partitioning.iter().flatten().map(String::as_str);
        let partitioning: Vec<&str> = [IS_CURRENT].into_iter().chain(own).collect();
        written.insert("partitioning".into(), json!(partitioning));

        written
    }

    /// The column that a property names and the table with these columns does not have; `None` if all are there.
    pub(super) fn missing(&self, columns: &[Column]) -> Option<String> {
        let blooms = [
            &self.orc_bloom_filter_columns,
            &self.parquet_bloom_filter_columns,
        ];
        let blooms = blooms.into_iter().flatten().flatten();
        let named = self.named().into_iter().filter_map(|named| named.column);
        let mut all = named.chain(blooms.map(|column| column.to_lowercase()));

        all.find(|name| !is_own_column(name) && columns.iter().all(|column| column.name != *name))
    }

    /// Whether the version of Iceberg's format is the lowest one.
    #[must_use]
    pub fn has_lowest_version(&self) -> bool {
        self.format_version == Some(2)
    }

    /// What no Trino can make right, for a table with these marts.
    pub(super) fn check(&self, table: &str, marts: Marts) -> Vec<Misfit> {
        let misfit = |property: &'static str, fault: &str| Misfit {
            path: vec!["properties", property],
            message: format!("`tables.{table}.properties.{property}` {fault}"),
        };
        let mut misfits = Vec::new();
        if self
            .format_version
            .is_some_and(|version| !(2..=3).contains(&version))
        {
            misfits.push(misfit(
                "format_version",
                "does not support merges; write 2 or 3",
            ));
        }
        if self.location.is_some() {
            misfits.push(misfit(
                "location",
                "is not possible, because a table that is built again needs a place of its own; remove it, or create the schema of the marts with a `location`",
            ));
        }
        if self.data_location.is_some() {
            misfits.push(misfit(
                "data_location",
                "is not possible, because two tables would share the folder, and removing orphan files of one would delete the files of the other; remove it",
            ));
        }
        if self.orc_bloom_filter_fpp.is_some() {
            misfits.push(misfit(
                "orc_bloom_filter_fpp",
                "is not possible, because Trino cannot change it later; remove it",
            ));
        }
        let named = self.named().into_iter();
        misfits
            .extend(named.filter_map(|named| Some(misfit(named.property, &named.fault(marts)?))));

        misfits
    }

    /// The columns that the properties name.
    fn named(&self) -> Vec<Named<'_>> {
        let mut named = Vec::new();
        for written in self.partitioning.iter().flatten() {
            named.push(Named {
                property: "partitioning",
                written,
                column: partition_column(written),
                forms: "a column, or `year`, `month`, `day` or `hour` of one such as `month(ordered_on)`, or `bucket(order_id, 16)`, or `truncate(name, 4)`",
            });
        }
        for written in self.sorted_by.iter().flatten() {
            named.push(Named {
                property: "sorted_by",
                written,
                column: sort_column(written),
                forms: "a column, with `ASC` or `DESC` and `NULLS FIRST` or `NULLS LAST` behind it if you like",
            });
        }

        named
    }
}

impl Named<'_> {
    /// What is wrong with it in a table with these marts.
    fn fault(&self, marts: Marts) -> Option<String> {
        let written = self.written;
        let Some(column) = self.column.as_deref() else {
            return Some(format!("has `{written}`; write {}", self.forms));
        };
        let is_anyway = self.property == "partitioning" && column == IS_CURRENT;
        if is_anyway && marts == Marts::CurrentView {
            return Some(format!(
                "has `{column}`, by which the history is partitioned anyway; remove it"
            ));
        }
        let lacking = lacking(marts, column).filter(|_| is_own_column(column))?;

        Some(format!(
            "has `{written}`, but {lacking} has no column `{column}`; name a column that every table with the properties has"
        ))
    }
}
