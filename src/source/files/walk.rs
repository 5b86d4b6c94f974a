//! The files of a folder of this machine, without anything else that is in it.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;

use futures::Stream;
use glob::Pattern;
use object_store::path::Path;
use tokio::sync::mpsc;

/// What was found in a folder.
pub(super) enum Walked {
    File(Path),
    /// A file or a whole folder that cannot be read: its printable name, and why.
    Hidden(String, String),
}

/// Lists the plain files below `folder`. It enters a folder if `enters` accepts its path, and follows no links.
pub(super) fn walk(
    folder: PathBuf,
    enters: impl Fn(&[&str]) -> bool + Send + 'static,
) -> impl Stream<Item = io::Result<Walked>> {
    let (sender, receiver) = mpsc::channel(64);
    tokio::task::spawn_blocking(move || {
        let give = |found| sender.blocking_send(found).is_ok();
        match std::fs::read_dir(&folder) {
            Ok(_) => {
                below(&folder, &enters, &give);
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

/// Walks a folder. False if the receiver is gone.
fn below(
    root: &std::path::Path,
    enters: &impl Fn(&[&str]) -> bool,
    give: &impl Fn(io::Result<Walked>) -> bool,
) -> bool {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(fault) => {
                let hidden = Walked::Hidden(folder.display().to_string(), fault.to_string());
                if !give(Ok(hidden)) {
                    return false;
                }
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
                let path = entry.path();
                let below = path.strip_prefix(root).map(|below| below.to_string_lossy());
                let names = below
                    .as_ref()
                    .map(|below| below.split('/').collect::<Vec<_>>());
                if !is_hidden(&entry.file_name()) && names.is_ok_and(|names| enters(&names)) {
                    folders.push(path);
                }
            } else if kind.is_file() {
                let path = entry.path();
                let found = path
                    .to_str()
                    .and_then(|path| Path::parse(path.trim_start_matches('/')).ok())
                    .map_or_else(
                        || Walked::Hidden(path.display().to_string(), "its name is no text".into()),
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
