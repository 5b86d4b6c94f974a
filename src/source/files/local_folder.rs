//! The plain files below a folder of this machine.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::io;
use std::ops::ControlFlow;
use std::path::{self, PathBuf};

use futures::Stream;
use glob::Pattern;
use object_store::path::Path;
use tokio::sync::mpsc;

/// An entry of a folder of this machine.
pub(super) enum LocalEntry {
    File(Path),
    Hidden(HiddenEntry),
}

/// A file or a whole folder that cannot be looked at.
pub(super) struct HiddenEntry {
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
    LocalEntry::Hidden(HiddenEntry {
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

/// Whether files in this folder can match `pattern`. Other folders, such as `lost+found`, are not read.
pub(super) fn may_hold(pattern: &Pattern, names: &[&str]) -> bool {
    let mut parts = pattern.as_str().split('/').peekable();
    for name in names {
        match parts.next() {
            Some("**") => return true,
            Some(part) if parts.peek().is_some() => {
                match Pattern::new(part) {
                    Ok(part) if !part.matches(name) => return false,
                    Ok(_) => {}
                    // A slash between brackets does not end a name.
                    Err(_) => return true,
                }
            }
            _ => return false,
        }
    }

    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_on_the_way_to_a_file_that_a_pattern_names_is_looked_into() {
        for (pattern, file) in [
            ("orders/*.csv", "orders/a.csv"),
            ("**/*.csv", "a/b/c.csv"),
            ("a/**/c/*.csv", "a/b/b/c/d.csv"),
            ("202?/[0-9]*/x.csv", "2026/07/x.csv"),
            ("[!/]*/[!/]*/x.csv", "a/b/x.csv"),
        ] {
            let pattern = Pattern::new(pattern).expect("a pattern");
            assert!(pattern.matches(file), "{pattern} {file}");
            let names: Vec<&str> = file.split('/').collect();
            for depth in 1..names.len() {
                assert!(may_hold(&pattern, &names[..depth]), "{pattern} {depth}");
            }
        }
        let orders = Pattern::new("orders/*.csv").expect("a pattern");
        assert!(!may_hold(&orders, &["lost+found"]));
        assert!(!may_hold(&orders, &["orders", "old"]));
    }
}
