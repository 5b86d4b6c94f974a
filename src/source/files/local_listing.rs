//! The plain files below a drop folder of this machine, in the order of their names.
//!
//! A folder lists its names in no order. So a walk looks at every name, keeps the first ones of the stretch, and asks for size and
//! time of these alone.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{self, PathBuf};

use futures::Stream;
use object_store::path::Path;
use rustix::fs::{AtFlags, Dir, FileType, OFlags, statat};
use tokio::sync::mpsc;

use super::beneath::is_link;
use super::local_folder::LocalFolder;
use super::stretch::{FolderEntry, Stretch, UnseenEntry};

/// Lists the plain files of a stretch. It enters a folder if `enters` accepts its path, and follows no links.
pub(super) fn local_entries(
    folder: LocalFolder,
    stretch: Stretch,
    enters: impl Fn(&[&str]) -> bool + Send + 'static,
) -> impl Stream<Item = io::Result<FolderEntry>> {
    let (sender, receiver) = mpsc::channel(64);
    tokio::task::spawn_blocking(move || {
        // If nobody listens any more, the walk ends.
        let give = |entry| match sender.blocking_send(entry) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        let mut walk = Walk {
            folder: &folder,
            enters: &enters,
            give: &give,
            first: FirstNames::of(&stretch),
        };
        walk.list_from(&stretch.folder)
    });

    futures::stream::unfold(receiver, async |mut receiver| {
        Some((receiver.recv().await?, receiver))
    })
}

/// To list a folder.
const LISTED: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

struct Walk<'a, E, G> {
    folder: &'a LocalFolder,
    enters: &'a E,
    give: &'a G,
    first: FirstNames,
}

/// A folder that is being listed.
struct OpenFolder {
    opened: OwnedFd,
    /// Its path below the drop folder.
    below: PathBuf,
}

impl<E, G> Walk<'_, E, G>
where
    E: Fn(&[&str]) -> bool,
    G: Fn(io::Result<FolderEntry>) -> ControlFlow<()>,
{
    fn list_from(&mut self, folder: &Path) -> ControlFlow<()> {
        let below = match self.folder.path_below(folder) {
            Ok(below) => below,
            Err(fault) => return (self.give)(Err(fault)),
        };
        match self.folder.open(&below, LISTED) {
            Ok(_) => {}
            // A folder below the drop folder may not have been made yet.
            Err(fault) if !below.as_os_str().is_empty() && is_missing(&fault) => {
                return ControlFlow::Continue(());
            }
            Err(fault) => return (self.give)(Err(fault)),
        }
        self.walk(below)?;

        self.give_first()
    }

    fn walk(&mut self, from: PathBuf) -> ControlFlow<()> {
        let mut folders = vec![from];
        while let Some(below) = folders.pop() {
            let opened = match self.folder.open(&below, LISTED) {
                Ok(opened) => opened,
                // It was a folder when its parent was listed.
                Err(fault) if is_link(&fault) => continue,
                Err(fault) => {
                    self.give_unseen(&below, fault.to_string())?;
                    continue;
                }
            };
            self.list(&OpenFolder { opened, below }, &mut folders)?;
        }

        ControlFlow::Continue(())
    }

    /// Notes the files of a folder, and adds its folders to those that are to be listed.
    fn list(&mut self, folder: &OpenFolder, folders: &mut Vec<PathBuf>) -> ControlFlow<()> {
        let entries = match Dir::read_from(&folder.opened) {
            Ok(entries) => entries,
            Err(fault) => return self.give_unseen(&folder.below, fault.to_string()),
        };
        let place = self.folder.path().join(&folder.below);
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(fault) => return (self.give)(Err(fault.into())),
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            // The folder itself and the one above it are listed, too: `.` and `..`.
            if is_hidden(name) {
                continue;
            }
            match kind_of(folder, name, entry.file_type()) {
                Some(FileType::RegularFile) => self.note_file(&place, name)?,
                Some(FileType::Directory) => {
                    let below = folder.below.join(name);
                    if self.may_enter(&below) {
                        folders.push(below);
                    }
                }
                _ => {}
            }
        }

        ControlFlow::Continue(())
    }

    fn note_file(&mut self, place: &path::Path, name: &OsStr) -> ControlFlow<()> {
        let path = place.join(name);
        let text = path.to_str().map(|path| path.trim_start_matches('/'));
        if text.is_some_and(|text| !self.first.takes(text)) {
            return ControlFlow::Continue(());
        }
        let Some(Ok(location)) = text.map(Path::parse) else {
            return self.give_unseen(&path, "its name is no text".into());
        };
        self.first.keep(location);

        ControlFlow::Continue(())
    }

    /// Gives the files of the stretch, and whether there are more.
    fn give_first(&mut self) -> ControlFlow<()> {
        let last = self.first.kept.last().cloned();
        for location in std::mem::take(&mut self.first.kept) {
            match self.folder.meta(&location) {
                Ok(Some(meta)) => (self.give)(Ok(FolderEntry::File(meta)))?,
                Ok(None) => {}
                Err(fault) if fault.kind() == io::ErrorKind::PermissionDenied => self.give_unseen(
                    path::Path::new(&format!("/{location}")),
                    "the service may not look into its folder".into(),
                )?,
                Err(fault) => (self.give)(Err(fault))?,
            }
        }

        match last.filter(|_| self.first.is_cut) {
            Some(last) => (self.give)(Ok(FolderEntry::More(last))),
            None => ControlFlow::Continue(()),
        }
    }

    /// A relative `place` is below the drop folder.
    fn give_unseen(&self, place: &path::Path, reason: String) -> ControlFlow<()> {
        let path = self.folder.path().join(place);

        (self.give)(Ok(FolderEntry::Unseen(UnseenEntry {
            name: path.display().to_string(),
            reason,
        })))
    }

    fn may_enter(&mut self, below: &path::Path) -> bool {
        let text = below.to_string_lossy();
        if !(self.enters)(&text.split('/').collect::<Vec<_>>()) {
            return false;
        }
        let path = self.folder.path().join(below);

        match path.to_str() {
            Some(path) => self.first.may_hold(path.trim_start_matches('/')),
            None => true,
        }
    }
}

/// The first names of a stretch, of those that were seen so far.
struct FirstNames {
    after: Option<String>,
    most: usize,
    kept: BTreeSet<Path>,
    /// Whether a later name was left out.
    is_cut: bool,
}

impl FirstNames {
    fn of(stretch: &Stretch) -> Self {
        Self {
            after: stretch.after.as_ref().map(ToString::to_string),
            most: stretch.most,
            kept: BTreeSet::new(),
            is_cut: false,
        }
    }

    /// Whether a name may be one of the first.
    fn takes(&mut self, name: &str) -> bool {
        if self.after.as_deref().is_some_and(|after| name <= after) {
            return false;
        }

        !self.is_full_before(name)
    }

    fn keep(&mut self, name: Path) {
        self.kept.insert(name);
        if self.kept.len() > self.most {
            self.kept.pop_last();
            self.is_cut = true;
        }
    }

    /// Whether a name below `folder` may be one of the first.
    fn may_hold(&mut self, folder: &str) -> bool {
        // `0` is the sign after `/`, so all names below the folder are before this one.
        let end = format!("{folder}0");
        if self.after.as_deref().is_some_and(|after| *end <= *after) {
            return false;
        }

        !self.is_full_before(&format!("{folder}/"))
    }

    fn is_full_before(&mut self, name: &str) -> bool {
        let last = self.kept.last().filter(|_| self.kept.len() >= self.most);
        let is_full = last.is_some_and(|last| last.as_ref() < name);
        self.is_cut |= is_full;

        is_full
    }
}

fn is_missing(fault: &io::Error) -> bool {
    fault.kind() == io::ErrorKind::NotFound || is_link(fault)
}

fn is_hidden(name: &OsStr) -> bool {
    matches!(name.as_bytes().first(), Some(b'_' | b'.'))
}

/// What an entry is; `None` if it is gone. Some file systems do not say it in their lists.
fn kind_of(folder: &OpenFolder, name: &OsStr, listed: FileType) -> Option<FileType> {
    if listed != FileType::Unknown {
        return Some(listed);
    }
    let stat = statat(&folder.opened, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;

    Some(FileType::from_raw_mode(stat.st_mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(after: Option<&str>, most: usize) -> FirstNames {
        FirstNames::of(&Stretch {
            folder: Path::default(),
            after: after.map(Path::from),
            most,
        })
    }

    #[test]
    fn a_walk_keeps_the_first_names_after_the_last_stretch_in_whatever_order_they_come() {
        let mut first = first(Some("b"), 2);
        for name in ["e", "a", "c", "b", "d"] {
            if first.takes(name) {
                first.keep(Path::from(name));
            }
        }

        let kept: Vec<&str> = first.kept.iter().map(AsRef::as_ref).collect();
        assert_eq!(kept, ["c", "d"]);
        assert!(first.is_cut, "`e` is left");
    }

    #[test]
    fn a_folder_is_entered_only_if_names_of_the_stretch_may_be_below_it() {
        let mut early = first(Some("b/5"), 10);
        assert!(!early.may_hold("a") && early.may_hold("b") && early.may_hold("c"));

        let mut full = first(None, 1);
        full.keep(Path::from("b/1"));
        assert!(full.may_hold("a") && full.may_hold("b"));
        assert!(!full.is_cut);
        assert!(!full.may_hold("c") && full.is_cut);
    }
}
