//! The landing folder: where we write batches, and how Trino addresses them.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, ObjectStoreScheme, RetryConfig};
use reqwest::Url;
use uuid::Uuid;

use crate::config;
use crate::error::{Cause, Error, Result};

/// The folder, beside the batches, that holds the keys of tables during a key comparison.
const KEYS: &str = "keys";
/// A request that takes longer to connect is sent again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A request that receives no bytes for longer is sent again.
///
/// A limit on the whole answer would cut off large files, which are read only as fast as they land.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a failing request is sent again: an outage fails a run within one and a half minutes.
const RETRY_TIMEOUT: Duration = Duration::from_mins(1);

/// Names a batch and its folder.
///
/// The name holds the run too, because numbers repeat: another service, or one that lost its state database, counts
/// from one again. It must never write over files that have landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch<'a> {
    pub pipeline: &'a str,
    pub id: i64,
    /// The run that began it.
    pub run: Uuid,
    /// The table whose keys the batch holds; none if it holds events.
    pub keys_of: Option<&'a str>,
}

impl Batch<'_> {
    fn name(&self) -> String {
        format!("{:012}-{}", self.id, self.run)
    }
}

/// The folder that all batches are written to.
#[derive(Debug, Clone)]
pub struct Folder {
    store: Arc<dyn ObjectStore>,
    root: Path,
    /// The same folder's address in Trino, without a slash at its end.
    read_from: String,
}

impl Folder {
    /// Opens the folder that the settings name, as [`open_store`] does.
    pub fn new(settings: &config::Landing) -> Result<Self> {
        let fault = |cause: &dyn std::fmt::Display| {
            Error::Settings(format!(
                "`landing.write_to` must be a folder such as `file:///data/landing` or `s3://bucket/landing`: {cause}"
            ))
        };
        let (store, root) = open_store(&settings.write_to).map_err(|cause| fault(&cause))?;

        Ok(Self {
            store,
            root,
            read_from: settings.read_from.trim_end_matches('/').to_owned(),
        })
    }

    /// The address of a batch's folder in Trino, with a slash at its end.
    #[must_use]
    pub fn location(&self, batch: &Batch<'_>) -> String {
        let keys = batch.keys_of.map(|table| format!("{KEYS}/{table}/"));

        format!(
            "{}/{}/{}{}/",
            self.read_from,
            batch.pipeline,
            keys.unwrap_or_default(),
            batch.name()
        )
    }

    pub(super) fn file_path(&self, batch: &Batch<'_>, number: usize) -> Path {
        self.batch_path(batch)
            .join(format!("part-{number:05}.parquet"))
    }

    pub(super) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// Deletes the files of a batch. It must not have landed: the landing table would refer to files that are gone.
    pub async fn remove(&self, batch: &Batch<'_>) -> Result<()> {
        self.remove_below(self.batch_path(batch)).await
    }

    /// Deletes the keys of all tables of a pipeline. Only one run at a time compares keys, so no other run needs them.
    pub async fn remove_keys(&self, pipeline: &str) -> Result<()> {
        self.remove_below(self.root.clone().join(pipeline).join(KEYS))
            .await
    }

    /// Deletes those of these files, by their addresses in Trino, that are batches of a pipeline here. Gives their number.
    pub async fn remove_files(&self, pipeline: &str, addresses: &[String]) -> Result<i64> {
        let folder = format!("{}/{pipeline}/", self.read_from);
        let mut removed = 0;
        for file in addresses
            .iter()
            .filter_map(|file| file.strip_prefix(&folder))
        {
            let mut path = self.root.clone().join(pipeline);
            path.extend(file.split('/'));
            match self.store.delete(&path).await {
                Ok(()) => removed += 1,
                Err(object_store::Error::NotFound { .. }) => {}
                Err(cause) => return Err(unavailable("deleting a batch's file", cause)),
            }
        }

        Ok(removed)
    }

    async fn remove_below(&self, folder: Path) -> Result<()> {
        let files: Vec<Path> = self
            .store
            .list(Some(&folder))
            .map_ok(|file| file.location)
            .try_collect()
            .await
            .map_err(|cause| unavailable("listing a batch's files", cause))?;
        let mut deletions = futures::stream::iter(files)
            .map(|file| async move { self.store.delete(&file).await })
            .buffer_unordered(8);
        while let Some(deleted) = deletions.next().await {
            deleted.map_err(|cause| unavailable("deleting a batch's file", cause))?;
        }

        Ok(())
    }

    fn batch_path(&self, batch: &Batch<'_>) -> Path {
        let pipeline = self.root.clone().join(batch.pipeline);
        let folder = match batch.keys_of {
            Some(table) => pipeline.join(KEYS).join(table),
            None => pipeline,
        };

        folder.join(batch.name())
    }
}

/// Opens a store by an address such as `file:///data` or `s3://bucket/folder`. Gives the store and the folder's path in
/// it.
///
/// Credentials of `s3:` come from the usual `AWS_…` variables.
pub fn open_store(address: &str) -> Result<(Arc<dyn ObjectStore>, Path), Cause> {
    let url = Url::parse(address)?;
    let (scheme, path) = ObjectStoreScheme::parse(&url)?;
    if !matches!(scheme, ObjectStoreScheme::AmazonS3) {
        let (store, root) = object_store::parse_url(&url)?;
        return Ok((store.into(), root));
    }
    let client = ClientOptions::new()
        .with_timeout_disabled()
        .with_read_timeout(READ_TIMEOUT)
        .with_connect_timeout(CONNECT_TIMEOUT);
    let mut builder = AmazonS3Builder::new()
        .with_client_options(client)
        .with_retry(RetryConfig {
            retry_timeout: RETRY_TIMEOUT,
            ..RetryConfig::default()
        })
        .with_url(address);
    for (name, value) in std::env::vars() {
        let name = name.to_ascii_lowercase();
        if name.starts_with("aws_")
            && let Ok(key) = name.parse()
        {
            builder = builder.with_config(key, value);
        }
    }

    Ok((Arc::new(builder.build()?), Path::parse(path)?))
}

pub(super) fn unavailable(doing: &str, cause: impl Into<Cause>) -> Error {
    Error::LandingUnavailable {
        detail: format!("{doing} failed; check that it exists and may be written"),
        cause: cause.into(),
    }
}
