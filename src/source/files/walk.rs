//! The files of a folder of this machine, whatever else lies in it.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;

use futures::Stream;
use object_store::path::Path;
use tokio::sync::mpsc;

/// What was found in a folder.
pub(super) enum Walked {
    File(Path),
    /// Something whose name no path can have, as far as it can be shown.
    Nameless(String),
}

/// Gives every plain file below a folder: no links, which lead elsewhere, and nothing of folders that cannot be read.
pub(super) fn walk(folder: PathBuf) -> impl Stream<Item = io::Result<Walked>> {
    let (sender, receiver) = mpsc::channel(64);
    tokio::task::spawn_blocking(move || {
        let give = |found| sender.blocking_send(found).is_ok();
        match std::fs::read_dir(&folder) {
            Ok(_) => {
                below(folder, &give);
            }
            Err(fault) => {
                give(Err(fault));
            }
        }
    });

    futures::stream::unfold(receiver, async |mut receiver| {
        Some((receiver.recv().await?, receiver))
    })
}

/// Goes through a folder, and says whether somebody still listens.
fn below(folder: PathBuf, give: &impl Fn(io::Result<Walked>) -> bool) -> bool {
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(fault) => {
                tracing::warn!(folder = %folder.display(), %fault, "a folder cannot be read, so its files are not");
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
            if kind.is_dir() {
                if !is_hidden(&entry.file_name()) {
                    folders.push(entry.path());
                }
            } else if kind.is_file() {
                let path = entry.path();
                let found = path
                    .to_str()
                    .and_then(|path| Path::parse(path.trim_start_matches('/')).ok())
                    .map_or_else(
                        || Walked::Nameless(path.display().to_string()),
                        Walked::File,
                    );
                if !give(Ok(found)) {
                    return false;
                }
            }
        }
    }

    true
}

fn is_hidden(name: &OsStr) -> bool {
    matches!(name.as_encoded_bytes().first(), Some(b'_' | b'.'))
}
