//! Looks through listed names for the new files: those that the ledger does not have, or has as other files.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use futures::TryStreamExt;
use jiff::Timestamp;
use object_store::path::Path;

use super::drop_store::parent;
use super::dropped_file::{DroppedFile, Refusal};
use super::folder::DropFolder;
use super::round::note_highest;
use super::stretch::{FolderEntry, Stretch, UnseenEntry};
use super::taken_files::TakenFiles;
use crate::error::Result;
use crate::pipeline::ChangedFile;
use crate::state::{FileState, KnownFile, ListedFile};

/// A file's time may be ahead of this machine's clock by this much. A later time does not say when the file was
/// written.
const CLOCKS_DIFFER: Duration = Duration::from_mins(1);

/// One search for new files.
pub(super) struct Search<'a> {
    pub(super) folder: &'a DropFolder<'a>,
    pub(super) now: Timestamp,
    pub(super) taken: TakenFiles,
    /// Whether folders have the marker, as far as that was asked.
    marked: BTreeMap<String, bool>,
}

/// What a search saw in a stretch.
#[derive(Default)]
pub(super) struct Seen {
    /// By branch, the last name before the first file that waits: a search after it finds that file again.
    pub(super) highest: BTreeMap<String, String>,
    /// The last name of the stretch, if more names follow.
    pub(super) more: Option<Path>,
    /// The unread files of the ledger that are still there.
    pub(super) unread: HashSet<String>,
    /// Whether something could not be looked at.
    pub(super) has_unseen: bool,
}

/// Files of one look-up that are not taken.
#[derive(Default)]
struct Left {
    /// Those that are not completely written.
    waiting: HashSet<String>,
    /// Those that the ledger has as unread.
    unread: HashSet<String>,
}

impl<'a> Search<'a> {
    pub(super) fn new(folder: &'a DropFolder<'a>, now: Timestamp) -> Self {
        Self {
            folder,
            now,
            taken: TakenFiles::default(),
            marked: BTreeMap::new(),
        }
    }

    /// Takes the new files of a stretch.
    pub(super) async fn look_through(&mut self, stretch: Stretch) -> Result<Seen> {
        let mut seen = Seen::default();
        let mut held = HashSet::new();
        self.marked.clear();
        let folder = self.folder;
        let mut parts = std::pin::pin!(folder.entries_by_look_up(stretch));
        while let Some(entries) = parts.try_next().await? {
            let left = self.take_new(files_of(folder, &entries)).await?;
            for entry in entries {
                match entry {
                    FolderEntry::File(meta) => {
                        let Some(branch) = folder.branch_of(&meta.location) else {
                            continue;
                        };
                        let path: &str = meta.location.as_ref();
                        if left.waiting.contains(path) {
                            held.insert(branch);
                        } else if !held.contains(branch) {
                            note_highest(&mut seen.highest, branch.as_ref(), path);
                        }
                    }
                    FolderEntry::Unseen(unseen) => {
                        self.log_unseen(&unseen);
                        seen.has_unseen = true;
                    }
                    FolderEntry::More(last) => seen.more = Some(last),
                }
            }
            seen.unread.extend(left.unread);
        }

        Ok(seen)
    }

    fn log_unseen(&self, UnseenEntry { name, reason }: &UnseenEntry) {
        tracing::warn!(
            pipeline = self.folder.pipeline,
            name,
            why = reason,
            "a file or folder cannot be looked at, so it is not read"
        );
    }

    /// Takes the files that the ledger does not have and that are completely written. The others hold freshness back.
    async fn take_new(&mut self, files: Vec<DroppedFile>) -> Result<Left> {
        let mut left = Left::default();
        if files.is_empty() {
            return Ok(left);
        }
        let listed: Vec<ListedFile<'_>> = files.iter().map(DroppedFile::listed).collect();
        let ledger = &self.folder.ledger;
        let known = ledger.known_files(self.folder.pipeline, &listed).await?;
        for file in files {
            let known = known.get(&file.path);
            if known.is_some_and(|known| known.state != FileState::Landed) {
                left.unread.insert(file.path.clone());
            }
            if known.is_some_and(|known| self.is_read(known)) {
                if left.unread.contains(&file.path) {
                    self.taken.note_waiting(file.modified_at);
                }
            } else if self.is_settled(file.modified_at) && self.is_marked(&file).await? {
                self.taken.take(match known {
                    Some(known) => self.with_what_is_known(file, known),
                    None => file,
                });
            } else {
                self.taken.note_waiting(file.modified_at.min(self.now));
                left.waiting.insert(file.path);
            }
        }

        Ok(left)
    }

    fn is_settled(&self, modified_at: Timestamp) -> bool {
        let quiet = self.now.duration_since(modified_at);
        if quiet.is_negative() {
            return quiet.unsigned_abs() > CLOCKS_DIFFER;
        }

        quiet.unsigned_abs() >= self.folder.source.settle()
    }

    /// Whether the marker is beside a file, if the definition asks for one.
    async fn is_marked(&mut self, file: &DroppedFile) -> Result<bool> {
        let Some(marker) = &self.folder.source.marker else {
            return Ok(true);
        };
        let Ok(path) = Path::parse(&file.path) else {
            return Ok(false);
        };
        let folder = parent(&path);
        if let Some(known) = self.marked.get(&folder) {
            return Ok(*known);
        }
        let is_marked = match Path::parse(format!("{folder}/{marker}")) {
            Ok(marker) => self.folder.store.meta(&marker).await,
            Err(_) => Ok(None),
        }
        .map_err(|cause| self.folder.unavailable(cause))?
        .is_some();
        self.marked.insert(folder, is_marked);

        Ok(is_marked)
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

/// The entries that are files of tables.
pub(super) fn files_of(folder: &DropFolder<'_>, entries: &[FolderEntry]) -> Vec<DroppedFile> {
    entries
        .iter()
        .filter_map(|entry| match entry {
            FolderEntry::File(meta) => folder.dropped_file(meta),
            FolderEntry::Unseen(_) | FolderEntry::More(_) => None,
        })
        .collect()
}
