//! The plain files below a folder of this machine.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::io;
use std::ops::ControlFlow;
use std::path::{self, PathBuf};

use futures::Stream;
use object_store::path::Path;
use tokio::sync::mpsc;

/// An entry of a folder of this machine.
pub(super) enum LocalEntry {
    File(Path),
    Unseen(UnseenEntry),
}

/// A file or a whole folder that cannot be looked at.
pub(super) struct UnseenEntry {
    /// Its printable name.
    pub(super) name: String,
    pub(super) reason: String,
}

/// Lists the plain files below `folder`. It enters a folder if `enters` accepts its path, and follows no links.
pub(super) fn local_entries(
    folder: PathBuf,
    enters: impl Fn(&[&str]) -> bool + Send + 'static,
) -> impl Stream<Item = io::Result<LocalEntry>> {
    let (sender, receiver) = mpsc::channel(64);
    tokio::task::spawn_blocking(move || {
        // If nobody listens any more, the walk ends.
        let give = |entry| match sender.blocking_send(entry) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        match fs::read_dir(&folder) {
            Ok(_) => walk_below(&folder, &enters, &give),
            Err(fault) => give(Err(fault)),
        }
    });

    futures::stream::unfold(receiver, async |mut receiver| {
        Some((receiver.recv().await?, receiver))
    })
}

fn walk_below(
    root: &path::Path,
    enters: &impl Fn(&[&str]) -> bool,
    give: &impl Fn(io::Result<LocalEntry>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(fault) => {
                give(Ok(hidden(&folder, fault.to_string())))?;
                continue;
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(fault) => return give(Err(fault)),
            };
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_file() {
                give(Ok(plain_file(&entry.path())))?;
            } else if kind.is_dir() && may_enter(&entry, root, enters) {
                folders.push(entry.path());
            }
        }
    }

    ControlFlow::Continue(())
}

fn plain_file(path: &path::Path) -> LocalEntry {
    let text = path.to_str().map(|path| path.trim_start_matches('/'));

    match text.map(Path::parse) {
        Some(Ok(path)) => LocalEntry::File(path),
        _ => hidden(path, "its name is no text".into()),
    }
}

fn hidden(path: &path::Path, reason: String) -> LocalEntry {
    LocalEntry::Unseen(UnseenEntry {
        name: path.display().to_string(),
        reason,
    })
}

fn may_enter(folder: &DirEntry, root: &path::Path, enters: &impl Fn(&[&str]) -> bool) -> bool {
    if is_hidden(&folder.file_name()) {
        return false;
    }
    let path = folder.path();

    path.strip_prefix(root).is_ok_and(|below| {
        let below = below.to_string_lossy();
        enters(&below.split('/').collect::<Vec<_>>())
    })
}

fn is_hidden(name: &OsStr) -> bool {
    matches!(name.as_encoded_bytes().first(), Some(b'_' | b'.'))
}
