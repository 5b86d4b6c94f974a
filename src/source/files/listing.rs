//! Lists what is below a drop folder in the order of names, and says which of it is a dropped file.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use glob::Pattern;
use object_store::{ObjectMeta, ObjectStore};

use super::bucket_listing::bucket_entries;
use super::drop_store::DropStore;
use super::dropped_file::{DroppedFile, Refusal};
use super::folder::DropFolder;
use super::local_folder::LocalFolder;
use super::local_listing::local_entries;
use super::stretch::{FolderEntry, Stretch, is_hidden};
use super::table_pattern::may_hold;
use crate::error::Result;
use crate::state::FileState;

/// The number of files in one look-up in the ledger.
pub(super) const LOOKED_UP: usize = 1_000;

impl DropFolder<'_> {
    /// The entries of a stretch, in parts for one look-up in the ledger each.
    pub(super) fn entries_by_look_up(
        &self,
        stretch: Stretch,
    ) -> impl Stream<Item = Result<Vec<FolderEntry>>> {
        self.entries(stretch)
            .try_chunks(LOOKED_UP)
            .map_err(|fault| fault.1)
    }

    fn entries(&self, stretch: Stretch) -> BoxStream<'_, Result<FolderEntry>> {
        match &self.store {
            DropStore::Local(folder) => self.entries_on_this_machine(folder.clone(), stretch),
            DropStore::Bucket(store) => self.entries_of_the_store(Arc::clone(store), stretch),
        }
    }

    fn entries_of_the_store(
        &self,
        store: Arc<dyn ObjectStore>,
        stretch: Stretch,
    ) -> BoxStream<'_, Result<FolderEntry>> {
        bucket_entries(store, self.root.clone(), stretch, self.lists_in_order)
            .map_err(|cause| self.unavailable(cause))
            .boxed()
    }

    fn entries_on_this_machine(
        &self,
        folder: LocalFolder,
        stretch: Stretch,
    ) -> BoxStream<'_, Result<FolderEntry>> {
        let patterns: Vec<Pattern> = self
            .table_patterns
            .iter()
            .map(|named| named.pattern.clone())
            .collect();
        let enters = move |names: &[&str]| patterns.iter().any(|pattern| may_hold(pattern, names));

        local_entries(folder, stretch, enters)
            .map_err(|cause| self.unavailable(cause))
            .boxed()
    }

    /// A listed file, if a table names it. Skips names that begin with `_` or `.`.
    pub(super) fn dropped_file(&self, meta: &ObjectMeta) -> Option<DroppedFile> {
        let below = meta.location.prefix_match(&self.root)?;
        let parts: Vec<String> = below.map(|part| part.as_ref().to_owned()).collect();
        if parts.iter().any(|part| is_hidden(part)) {
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
