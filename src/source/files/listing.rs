//! What a folder holds: files that the ledger does not have, and those that it has and that are to go.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt};
use glob::MatchOptions;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use serde_json::json;

use super::Files;
use crate::error::Result;
use crate::pipeline::{After, Changed};
use crate::source::Reading;

/// Files of one batch; those after them wait for the next.
const MOST_FILES: usize = 20_000;
/// Files are looked up in the ledger so many at once.
const LOOKED_UP: usize = 1_000;
/// A file that the ledger does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::source) struct Found {
    pub(super) modified_at: Timestamp,
    pub(super) path: String,
    pub(super) etag: String,
    pub(super) has_etag: bool,
    pub(super) size: u64,
    pub(super) table: String,
    /// Whether the ledger has it as another file, and such are not to be read.
    pub(super) is_refused: bool,
}

impl Files<'_> {
    /// Lists the files that are to be read, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::FilesUnavailable`], [`Error::StateUnavailable`].
    pub(in crate::source) async fn begin(
        &self,
        covered_before: Option<Timestamp>,
    ) -> Result<Reading> {
        let now = Timestamp::now();
        let mut marked = BTreeSet::new();
        if let Some(marker) = &self.source.marker {
            let mut listing = self.store.list(Some(&self.root));
            while let Some(meta) = listing
                .try_next()
                .await
                .map_err(|cause| self.unavailable(cause))?
            {
                if meta.location.filename() == Some(marker) {
                    marked.insert(parent(&meta.location));
                }
            }
        }
        let mut found = BTreeSet::new();
        let mut unread: Option<Timestamp> = None;
        let mut waits =
            |time: Timestamp| unread = Some(unread.map_or(time, |unread| unread.min(time)));
        let mut chunks = self.store.list(Some(&self.root)).try_chunks(LOOKED_UP);
        while let Some(listed) = chunks.next().await {
            let listed = listed.map_err(|fault| self.unavailable(fault.1))?;
            let mut files: Vec<Found> = Vec::new();
            for meta in &listed {
                let Some(file) = self.look(meta) else {
                    continue;
                };
                let is_marked =
                    self.source.marker.is_none() || marked.contains(&parent(&meta.location));
                let quiet = now.duration_since(file.modified_at).unsigned_abs();
                if !is_marked || file.modified_at > now || quiet < self.source.settle() {
                    waits(file.modified_at.min(now));
                    continue;
                }
                files.push(file);
            }
            for file in self.unknown(files).await? {
                found.insert(file);
                if found.len() > MOST_FILES
                    && let Some(late) = found.pop_last()
                {
                    waits(late.modified_at);
                }
            }
        }
        let covered = unread.map_or(now, |unread| unread.min(now));
        let (folder, _) = self.source.split();

        Ok(Reading {
            position: json!({"path": folder, "listed_at": now}),
            read_at: now,
            covered_until: covered_before.map_or(covered, |before| before.max(covered)),
            blocked_by: None,
            queries: Vec::new(),
            files: found.into_iter().collect(),
            compared: Vec::new(),
        })
    }

    /// Moves or deletes files that landed in earlier batches, where the definition wants it.
    ///
    /// # Errors
    ///
    /// [`Error::FilesUnavailable`], [`Error::StateUnavailable`].
    pub(in crate::source) async fn tidy(&self) -> Result<()> {
        if self.source.after == After::Keep {
            return Ok(());
        }
        let mut chunks = self.store.list(Some(&self.root)).try_chunks(LOOKED_UP);
        while let Some(listed) = chunks.next().await {
            let listed = listed.map_err(|fault| self.unavailable(fault.1))?;
            let files: Vec<Found> = listed.iter().filter_map(|meta| self.look(meta)).collect();
            let landed = self
                .ledger
                .landed_files(self.pipeline, &triples(&files))
                .await?;
            for file in files.iter().filter(|file| landed.contains(&file.path)) {
                let from = Path::from(file.path.as_str());
                let done = match self.source.after {
                    After::Move => {
                        let name = from.filename().unwrap_or_default();
                        let to = Path::from(parent(&from)).join("_done").join(name);
                        self.store.rename(&from, &to).await
                    }
                    _ => self.store.delete(&from).await,
                };
                match done {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(cause) => return Err(self.unavailable(cause)),
                }
            }
        }

        Ok(())
    }

    /// A listed file as one of ours: hidden ones are not, and those that no table names.
    fn look(&self, meta: &ObjectMeta) -> Option<Found> {
        let below = meta.location.prefix_match(&self.root)?;
        let parts: Vec<String> = below.map(|part| part.as_ref().to_owned()).collect();
        if parts.iter().any(|part| part.starts_with(['_', '.'])) {
            return None;
        }
        let options = MatchOptions {
            require_literal_separator: true,
            ..MatchOptions::new()
        };
        let name = parts.join("/");
        let (table, _) = self
            .patterns
            .iter()
            .find(|(_, pattern)| pattern.matches_with(&name, options))?;
        let modified_at =
            Timestamp::from_microsecond(meta.last_modified.timestamp_micros()).ok()?;

        Some(Found {
            modified_at,
            path: meta.location.to_string(),
            etag: meta
                .e_tag
                .clone()
                .unwrap_or_else(|| modified_at.to_string()),
            has_etag: meta.e_tag.is_some(),
            size: meta.size,
            table: (*table).to_owned(),
            is_refused: false,
        })
    }

    /// Leaves out what the ledger has.
    async fn unknown(&self, files: Vec<Found>) -> Result<Vec<Found>> {
        if files.is_empty() {
            return Ok(files);
        }
        let known = self
            .ledger
            .known_files(self.pipeline, &triples(&files))
            .await?;

        Ok(files
            .into_iter()
            .filter_map(|mut file| match known.get(&file.path) {
                None => Some(file),
                Some(true) => None,
                Some(false) => {
                    file.is_refused = self.source.changed == Changed::Reject;
                    Some(file)
                }
            })
            .collect())
    }
}

fn triples(files: &[Found]) -> Vec<(&str, &str, i64)> {
    files
        .iter()
        .map(|file| {
            (
                file.path.as_str(),
                file.etag.as_str(),
                i64::try_from(file.size).unwrap_or(i64::MAX),
            )
        })
        .collect()
}

fn parent(path: &Path) -> String {
    let path = path.as_ref();

    path.rsplit_once('/')
        .map_or("", |(parent, _)| parent)
        .to_owned()
}
