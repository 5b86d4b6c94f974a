//! Lists a folder: the files that the ledger does not have, and landed files that must be moved or deleted.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use glob::{MatchOptions, Pattern};
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use super::batch::Batch;
use super::folder::DropFolder;
use super::found::FoundFile;
use super::open::is_forbidden;
use super::walk::{Walked, may_hold, walk};
use crate::error::Result;
use crate::pipeline::ChangedFile;
use crate::source::reading::Purpose;
use crate::state::{FileState, ListedFile};

/// The number of files in one look-up in the ledger.
pub(super) const LOOKED_UP: usize = 1_000;
/// A file's time may be ahead of this machine's clock by this much. A later time does not say when the file was
/// written.
const CLOCKS_DIFFER: Duration = Duration::from_mins(1);

/// What a listing gives.
pub(super) enum Listed {
    File(ObjectMeta),
    /// A file or folder that cannot be read: its printable name, and why.
    Hidden(String, String),
}

impl DropFolder<'_> {
    /// Lists the files that are to be read, the oldest first.
    pub(super) async fn list(&self, now: Timestamp, purpose: Purpose) -> Result<Batch> {
        let marked = self.marked().await?;
        let mut gone = self.ledger.unread_files(self.pipeline).await?;
        let mut batch = Batch::default();
        let mut is_whole = true;
        let mut chunks = std::pin::pin!(self.listing().try_chunks(LOOKED_UP));
        while let Some(listed) = chunks.next().await {
            let listed = listed.map_err(|fault| fault.1)?;
            let mut files = Vec::new();
            for listed in &listed {
                let meta = match listed {
                    Listed::File(meta) => meta,
                    Listed::Hidden(name, why) => {
                        // Freshness stays where it is until somebody fixes that.
                        tracing::warn!(
                            pipeline = self.pipeline,
                            name,
                            why,
                            "a file or folder cannot be looked at, so it is not read"
                        );
                        batch.wait(Timestamp::UNIX_EPOCH);
                        is_whole = false;
                        continue;
                    }
                };
                gone.remove(meta.location.as_ref());
                let Some(file) = self.look(meta) else {
                    continue;
                };
                let is_marked = marked
                    .as_ref()
                    .is_none_or(|marked| marked.contains(&parent(&meta.location)));
                if is_marked && self.is_settled(file.modified_at, now) {
                    files.push(file);
                } else {
                    batch.wait(file.modified_at.min(now));
                }
            }
            self.sort(files, &mut batch).await?;
        }
        if purpose == Purpose::Read && is_whole && !gone.is_empty() {
            self.ledger.forget_files(self.pipeline, &gone).await?;
        }

        Ok(batch)
    }

    /// Everything below the folder.
    pub(super) fn listing(&self) -> BoxStream<'_, Result<Listed>> {
        let Some(folder) = self.source.local() else {
            return self
                .store
                .list(Some(&self.root))
                .map(|listed| match listed {
                    Ok(meta) => Ok(Listed::File(meta)),
                    Err(object_store::Error::InvalidPath { source }) => Ok(Listed::Hidden(
                        source.to_string(),
                        "its name is no text".into(),
                    )),
                    Err(cause) => Err(self.unavailable(cause)),
                })
                .boxed();
        };

        let patterns: Vec<Pattern> = self
            .patterns
            .iter()
            .map(|(_, pattern)| pattern.clone())
            .collect();
        walk(folder, move |names| {
            patterns.iter().any(|pattern| may_hold(pattern, names))
        })
        .then(move |found| async move {
            match found {
                Ok(Walked::File(path)) => match self.store.head(&path).await {
                    Ok(meta) => Ok(Some(Listed::File(meta))),
                    // The file is gone by now.
                    Err(object_store::Error::NotFound { .. }) => Ok(None),
                    Err(cause) if is_forbidden(&cause) => Ok(Some(Listed::Hidden(
                        path.to_string(),
                        "the service may not look into its folder".into(),
                    ))),
                    Err(cause) => Err(self.unavailable(cause)),
                },
                Ok(Walked::Hidden(name, why)) => Ok(Some(Listed::Hidden(name, why))),
                Err(cause) => Err(self.unavailable(cause)),
            }
        })
        .try_filter_map(|listed| std::future::ready(Ok(listed)))
        .boxed()
    }

    /// The folders with a marker; `None` if the definition asks for no marker.
    async fn marked(&self) -> Result<Option<BTreeSet<String>>> {
        let Some(marker) = &self.source.marker else {
            return Ok(None);
        };
        let mut folders = BTreeSet::new();
        let mut listing = std::pin::pin!(self.listing());
        while let Some(listed) = listing.try_next().await? {
            if let Listed::File(meta) = listed
                && meta.location.filename() == Some(marker)
            {
                folders.insert(parent(&meta.location));
            }
        }

        Ok(Some(folders))
    }

    fn is_settled(&self, modified_at: Timestamp, now: Timestamp) -> bool {
        let quiet = now.duration_since(modified_at);
        if quiet.is_negative() {
            return quiet.unsigned_abs() > CLOCKS_DIFFER;
        }

        quiet.unsigned_abs() >= self.source.settle()
    }

    /// A listed file, if a table names it. Skips hidden files and links.
    pub(super) fn look(&self, meta: &ObjectMeta) -> Option<FoundFile> {
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
        let mut tables = self
            .patterns
            .iter()
            .filter(|(_, pattern)| pattern.matches_with(&name, options));
        let (table, _) = tables.next()?;
        let refused = tables.next().map(|(other, _)| {
            let reason = format!("tables `{table}` and `{other}` both name it by `from`");
            (FileState::Unreadable, reason)
        });
        let modified_at =
            Timestamp::from_microsecond(meta.last_modified.timestamp_micros()).ok()?;

        Some(FoundFile {
            modified_at,
            path: meta.location.to_string(),
            etag: meta
                .e_tag
                .clone()
                .unwrap_or_else(|| modified_at.to_string()),
            has_etag: meta.e_tag.is_some(),
            size: meta.size,
            table: (*table).to_owned(),
            refused,
            was_forbidden: false,
        })
    }

    /// Adds the files that the ledger does not have to the batch. Known unread files hold freshness back.
    async fn sort(&self, files: Vec<FoundFile>, batch: &mut Batch) -> Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        let known = self
            .ledger
            .known_files(self.pipeline, &for_ledger(&files))
            .await?;
        for mut file in files {
            let Some(known) = known.get(&file.path) else {
                batch.take(file);
                continue;
            };
            let is_judged = known.state == FileState::Landed || known.read_by == self.read_by;
            if !known.is_same || !is_judged {
                file.was_forbidden = known.is_same && known.read_by.is_empty();
                if known.has_landed && self.source.changed == ChangedFile::Reject {
                    let reason =
                        "it was read before as another file, and `source.changed` is `reject`";
                    file.refused = Some((FileState::Changed, reason.into()));
                }
                batch.take(file);
            } else if known.state != FileState::Landed {
                batch.wait(file.modified_at);
            }
        }

        Ok(())
    }
}

pub(super) fn for_ledger(files: &[FoundFile]) -> Vec<ListedFile<'_>> {
    files
        .iter()
        .map(|file| ListedFile {
            path: &file.path,
            etag: &file.etag,
            size: i64::try_from(file.size).unwrap_or(i64::MAX),
        })
        .collect()
}

pub(super) fn parent(path: &Path) -> String {
    let path = path.as_ref();

    path.rsplit_once('/')
        .map_or("", |(parent, _)| parent)
        .to_owned()
}
