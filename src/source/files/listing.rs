//! Lists what is below a drop folder, and says which of it is a dropped file.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use glob::Pattern;
use object_store::{ObjectMeta, ObjectStore};

use super::drop_store::DropStore;
use super::dropped_file::{DroppedFile, Refusal};
use super::folder::DropFolder;
use super::local_folder::LocalFolder;
use super::local_listing::{LocalEntry, UnseenEntry, local_entries};
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
        match &self.store {
            DropStore::Local(folder) => self.entries_on_this_machine(folder.clone()),
            DropStore::Bucket(store) => self.entries_of_the_store(store),
        }
    }

    fn entries_of_the_store<'s>(
        &'s self,
        store: &'s Arc<dyn ObjectStore>,
    ) -> BoxStream<'s, Result<FolderEntry>> {
        store
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

    fn entries_on_this_machine(&self, folder: LocalFolder) -> BoxStream<'_, Result<FolderEntry>> {
        let patterns: Vec<Pattern> = self
            .table_patterns
            .iter()
            .map(|named| named.pattern.clone())
            .collect();
        let enters = move |names: &[&str]| patterns.iter().any(|pattern| may_hold(pattern, names));

        local_entries(folder, enters)
            .map(|entry| match entry {
                Ok(LocalEntry::File(meta)) => Ok(FolderEntry::File(meta)),
                Ok(LocalEntry::Unseen(unseen)) => Ok(FolderEntry::Unseen(unseen)),
                Err(cause) => Err(self.unavailable(cause)),
            })
            .boxed()
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
