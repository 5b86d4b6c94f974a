//! The plain files below a drop folder of this machine.

use std::ffi::OsStr;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{self, PathBuf};

use futures::Stream;
use object_store::ObjectMeta;
use object_store::path::Path;
use rustix::fs::{AtFlags, Dir, FileType, OFlags, statat};
use tokio::sync::mpsc;

use super::beneath::is_link;
use super::local_folder::{LocalFolder, meta_at};

/// An entry of a folder of this machine.
pub(super) enum LocalEntry {
    File(ObjectMeta),
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
    folder: LocalFolder,
    enters: impl Fn(&[&str]) -> bool + Send + 'static,
) -> impl Stream<Item = io::Result<LocalEntry>> {
    let (sender, receiver) = mpsc::channel(64);
    tokio::task::spawn_blocking(move || {
        // If nobody listens any more, the walk ends.
        let give = |entry| match sender.blocking_send(entry) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        let walk = Walk {
            folder: &folder,
            enters: &enters,
            give: &give,
        };
        match folder.open(path::Path::new(""), LISTED) {
            Ok(_) => walk.walk(),
            Err(fault) => give(Err(fault)),
        }
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
    G: Fn(io::Result<LocalEntry>) -> ControlFlow<()>,
{
    fn walk(&self) -> ControlFlow<()> {
        let mut folders = vec![PathBuf::new()];
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

    /// Gives the files of a folder, and adds its folders to those that are to be listed.
    fn list(&self, folder: &OpenFolder, folders: &mut Vec<PathBuf>) -> ControlFlow<()> {
        let entries = match Dir::read_from(&folder.opened) {
            Ok(entries) => entries,
            Err(fault) => return self.give_unseen(&folder.below, fault.to_string()),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(fault) => return (self.give)(Err(fault.into())),
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            match kind_of(folder, name, entry.file_type()) {
                Some(FileType::RegularFile) => self.give_file(folder, name)?,
                // The folder itself and the one above it are listed, too: `.` and `..`.
                Some(FileType::Directory) if !is_hidden(name) => {
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

    fn give_file(&self, folder: &OpenFolder, name: &OsStr) -> ControlFlow<()> {
        let below = folder.below.join(name);
        let path = self.folder.path().join(&below);
        let text = path.to_str().map(|path| path.trim_start_matches('/'));
        let Some(Ok(location)) = text.map(Path::parse) else {
            return self.give_unseen(&below, "its name is no text".into());
        };
        match meta_at(&folder.opened, name, &location) {
            Ok(Some(meta)) => (self.give)(Ok(LocalEntry::File(meta))),
            Ok(None) => ControlFlow::Continue(()),
            Err(fault) if fault.kind() == io::ErrorKind::PermissionDenied => {
                self.give_unseen(&below, "the service may not look into its folder".into())
            }
            Err(fault) => (self.give)(Err(fault)),
        }
    }

    fn give_unseen(&self, below: &path::Path, reason: String) -> ControlFlow<()> {
        let path = self.folder.path().join(below);

        (self.give)(Ok(LocalEntry::Unseen(UnseenEntry {
            name: path.display().to_string(),
            reason,
        })))
    }

    fn may_enter(&self, below: &path::Path) -> bool {
        let below = below.to_string_lossy();

        (self.enters)(&below.split('/').collect::<Vec<_>>())
    }
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
