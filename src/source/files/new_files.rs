//! Finds the new files: those that the ledger does not have, or has as other files.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use futures::TryStreamExt;
use jiff::Timestamp;

use super::drop_store::parent;
use super::dropped_file::{DroppedFile, Refusal};
use super::folder::DropFolder;
use super::listing::FolderEntry;
use super::local_listing::UnseenEntry;
use super::taken_files::TakenFiles;
use crate::error::Result;
use crate::pipeline::ChangedFile;
use crate::source::reading::Purpose;
use crate::state::{FileState, KnownFile, ListedFile};

/// A file's time may be ahead of this machine's clock by this much. A later time does not say when the file was
/// written.
const CLOCKS_DIFFER: Duration = Duration::from_mins(1);

/// One search for new files.
struct Search<'a> {
    folder: &'a DropFolder<'a>,
    now: Timestamp,
    /// The folders with a marker; `None` if the definition asks for no marker.
    marked: Option<BTreeSet<String>>,
    /// The unread files of the ledger that were not found yet.
    gone: HashSet<String>,
    /// Whether the search saw the whole folder.
    is_whole: bool,
    taken: TakenFiles,
}

impl DropFolder<'_> {
    /// Finds the files that a reading takes. To read them, it also forgets unread files that are gone.
    pub(super) async fn new_files(&self, now: Timestamp, purpose: Purpose) -> Result<TakenFiles> {
        let mut search = Search {
            folder: self,
            now,
            marked: self.marked_folders().await?,
            gone: self.ledger.unread_files(self.pipeline).await?,
            is_whole: true,
            taken: TakenFiles::default(),
        };
        let mut parts = std::pin::pin!(self.entries_by_look_up());
        while let Some(entries) = parts.try_next().await? {
            let ready = entries
                .iter()
                .filter_map(|entry| search.ready_file(entry))
                .collect();
            search.take_new(ready).await?;
        }
        if purpose == Purpose::Read && search.is_whole && !search.gone.is_empty() {
            self.ledger
                .forget_files(self.pipeline, &search.gone)
                .await?;
        }

        Ok(search.taken)
    }

    /// The folders with a marker; `None` if the definition asks for no marker.
    async fn marked_folders(&self) -> Result<Option<BTreeSet<String>>> {
        let Some(marker) = &self.source.marker else {
            return Ok(None);
        };
        let mut folders = BTreeSet::new();
        let mut entries = std::pin::pin!(self.entries());
        while let Some(entry) = entries.try_next().await? {
            if let FolderEntry::File(meta) = entry
                && meta.location.filename() == Some(marker)
            {
                folders.insert(parent(&meta.location));
            }
        }

        Ok(Some(folders))
    }
}

impl Search<'_> {
    /// The file of an entry, if a table names it and it is completely written. Other files of tables wait.
    fn ready_file(&mut self, entry: &FolderEntry) -> Option<DroppedFile> {
        let meta = match entry {
            FolderEntry::File(meta) => meta,
            FolderEntry::Unseen(hidden) => {
                self.note_unseen(hidden);
                return None;
            }
        };
        self.gone.remove(meta.location.as_ref());
        let file = self.folder.dropped_file(meta)?;
        let is_marked = self
            .marked
            .as_ref()
            .is_none_or(|marked| marked.contains(&parent(&meta.location)));
        if is_marked && self.is_settled(file.modified_at) {
            return Some(file);
        }
        self.taken.note_waiting(file.modified_at.min(self.now));

        None
    }

    /// Holds freshness where it is until somebody makes the entry readable.
    fn note_unseen(&mut self, UnseenEntry { name, reason }: &UnseenEntry) {
        tracing::warn!(
            pipeline = self.folder.pipeline,
            name,
            why = reason,
            "a file or folder cannot be looked at, so it is not read"
        );
        self.taken.note_waiting(Timestamp::UNIX_EPOCH);
        self.is_whole = false;
    }

    fn is_settled(&self, modified_at: Timestamp) -> bool {
        let quiet = self.now.duration_since(modified_at);
        if quiet.is_negative() {
            return quiet.unsigned_abs() > CLOCKS_DIFFER;
        }

        quiet.unsigned_abs() >= self.folder.source.settle()
    }

    /// Takes the files that the ledger does not have. Known unread files hold freshness back.
    async fn take_new(&mut self, files: Vec<DroppedFile>) -> Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        let listed: Vec<ListedFile<'_>> = files.iter().map(DroppedFile::listed).collect();
        let known = self
            .folder
            .ledger
            .known_files(self.folder.pipeline, &listed)
            .await?;
        for file in files {
            match known.get(&file.path) {
                Some(known) if self.is_read(known) => {
                    if known.state != FileState::Landed {
                        self.taken.note_waiting(file.modified_at);
                    }
                }
                Some(known) => self.taken.take(self.with_what_is_known(file, known)),
                None => self.taken.take(file),
            }
        }

        Ok(())
    }

    /// Whether the ledger has the outcome of the same file. A file that did not land is read again after the definition
    /// changed.
    fn is_read(&self, known: &KnownFile) -> bool {
        known.is_same
            && (known.state == FileState::Landed
                || known.definition_fingerprint == self.folder.definition_fingerprint)
    }

    /// A file at the path of a known file, with what the ledger says of that one.
    fn with_what_is_known(&self, mut file: DroppedFile, known: &KnownFile) -> DroppedFile {
        file.was_forbidden = known.is_same && known.definition_fingerprint.is_empty();
        if known.has_landed && self.folder.source.changed == ChangedFile::Reject {
            file.refusal = Some(Refusal {
                state: FileState::Changed,
                reason: "it was read before as another file, and `source.changed` is `reject`"
                    .into(),
            });
        }

        file
    }
}
