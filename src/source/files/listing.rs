//! Lists what is below a drop folder, and says which of it is a dropped file.

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use glob::Pattern;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use super::dropped_file::{DroppedFile, Refusal};
use super::folder::DropFolder;
use super::local_folder::{LocalEntry, UnseenEntry, local_entries};
use super::store_fault::is_forbidden;
use super::table_pattern::may_hold;
use crate::error::Result;
use crate::state::FileState;

/// The number of files in one look-up in the ledger.
const LOOKED_UP: usize = 1_000;

/// An entry of a drop folder.
pub(super) enum FolderEntry {
    File(ObjectMeta),
    Unseen(UnseenEntry),
}

impl DropFolder<'_> {
    /// Everything below the folder, in parts for one look-up in the ledger each.
    pub(super) fn entries_by_look_up(&self) -> impl Stream<Item = Result<Vec<FolderEntry>>> {
        self.entries()
            .try_chunks(LOOKED_UP)
            .map_err(|fault| fault.1)
    }

    /// Everything below the folder.
    pub(super) fn entries(&self) -> BoxStream<'_, Result<FolderEntry>> {
        match self.source.local() {
            Some(folder) => self.entries_on_this_machine(folder),
            None => self.entries_of_the_store(),
        }
    }

    fn entries_of_the_store(&self) -> BoxStream<'_, Result<FolderEntry>> {
        self.object_store
            .list(Some(&self.root))
            .map(|listed| match listed {
                Ok(meta) => Ok(FolderEntry::File(meta)),
                Err(object_store::Error::InvalidPath { source }) => {
                    Ok(FolderEntry::Unseen(UnseenEntry {
                        name: source.to_string(),
                        reason: "its name is no text".into(),
                    }))
                }
                Err(cause) => Err(self.unavailable(cause)),
            })
            .boxed()
    }

    fn entries_on_this_machine(
        &self,
        folder: std::path::PathBuf,
    ) -> BoxStream<'_, Result<FolderEntry>> {
        let patterns: Vec<Pattern> = self
            .table_patterns
            .iter()
            .map(|named| named.pattern.clone())
            .collect();
        let enters = move |names: &[&str]| patterns.iter().any(|pattern| may_hold(pattern, names));

        local_entries(folder, enters)
            .then(move |entry| async move {
                match entry {
                    Ok(LocalEntry::File(path)) => self.local_file(path).await,
                    Ok(LocalEntry::Unseen(hidden)) => Ok(Some(FolderEntry::Unseen(hidden))),
                    Err(cause) => Err(self.unavailable(cause)),
                }
            })
            .try_filter_map(|entry| std::future::ready(Ok(entry)))
            .boxed()
    }

    /// What the store says of a file of this machine; `None` if the file is gone by now.
    async fn local_file(&self, path: Path) -> Result<Option<FolderEntry>> {
        match self.object_store.head(&path).await {
            Ok(meta) => Ok(Some(FolderEntry::File(meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(cause) if is_forbidden(&cause) => Ok(Some(FolderEntry::Unseen(UnseenEntry {
                name: path.to_string(),
                reason: "the service may not look into its folder".into(),
            }))),
            Err(cause) => Err(self.unavailable(cause)),
        }
    }

    /// A listed file, if a table names it. Skips names that begin with `_` or `.`.
    pub(super) fn dropped_file(&self, meta: &ObjectMeta) -> Option<DroppedFile> {
        let below = meta.location.prefix_match(&self.root)?;
        let parts: Vec<String> = below.map(|part| part.as_ref().to_owned()).collect();
        if parts.iter().any(|part| part.starts_with(['_', '.'])) {
            return None;
        }
        let name = parts.join("/");
        let mut tables = self
            .table_patterns
            .iter()
            .filter(|named| named.matches(&name))
            .map(|named| named.table);
        let table = tables.next()?;
        let refusal = tables.next().map(|other| Refusal {
            state: FileState::Unreadable,
            reason: format!("tables `{table}` and `{other}` both name it by `from`"),
        });

        Some(DroppedFile {
            refusal,
            ..DroppedFile::of(meta, table)?
        })
    }
}

/// The path of the folder that a file is in.
pub(super) fn parent(path: &Path) -> String {
    let path = path.as_ref();

    path.rsplit_once('/')
        .map_or("", |(parent, _)| parent)
        .to_owned()
}
