//! A drop folder of this machine. Its files are opened, moved and deleted below it, and no link is followed.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{self, PathBuf};
use std::time::{Duration, SystemTime};

use object_store::ObjectMeta;
use object_store::path::Path;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, fstat, mkdirat, open, renameat, statat, unlinkat,
};
use rustix::io::Errno;

use super::beneath::{FOLDER, open_beneath};
use crate::config::FolderAddress;

/// A drop folder of this machine.
#[derive(Clone)]
pub(super) struct LocalFolder {
    /// A root of the settings. Links on the way to it are the operator's, and are followed.
    root: PathBuf,
    /// The drop folder, below the root.
    below: PathBuf,
    /// The drop folder as the paths of its files begin.
    prefix: String,
}

impl LocalFolder {
    /// `root` holds `folder`. Nothing is opened yet.
    pub(super) fn new(root: &FolderAddress, folder: &FolderAddress) -> Self {
        let path = folder.path();

        Self {
            root: root.path(),
            below: folder.path_below(root),
            prefix: path.to_string_lossy().trim_matches('/').to_owned(),
        }
    }

    /// Its path, for messages.
    pub(super) fn path(&self) -> PathBuf {
        self.root.join(&self.below)
    }

    /// Opens a folder below it; itself for an empty path.
    pub(super) fn open(&self, below: &path::Path, flags: OFlags) -> io::Result<OwnedFd> {
        let root = open(&self.root, FOLDER, Mode::empty())?;

        open_beneath(root, &self.below.join(below), flags)
    }

    /// Opens a plain file.
    ///
    /// # Errors
    ///
    /// [`super::beneath::is_link`] tells a link on the way, and another thing than a plain file.
    pub(super) fn plain_file(&self, location: &Path) -> io::Result<File> {
        // If it is a pipe, opening it must not wait for somebody who writes.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = self.open(&self.path_below(location)?, flags)?;
        if !is_plain(&fstat(&file)?) {
            return Err(Errno::LOOP.into());
        }

        Ok(file.into())
    }

    /// Gives size, time and etag of a plain file; `None` if there is none.
    pub(super) fn meta(&self, location: &Path) -> io::Result<Option<ObjectMeta>> {
        let place = match self.place(location) {
            Err(fault) if is_gone(&fault) => return Ok(None),
            place => place?,
        };

        place.meta(location)
    }

    /// Moves a file into a folder beside it, which is made. A link is moved itself.
    pub(super) fn move_aside(&self, from: &Path, folder: &str, name: &str) -> io::Result<()> {
        let place = self.place(from)?;
        match mkdirat(&place.folder, folder, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(fault) => return Err(fault.into()),
        }
        let aside = open_beneath(&place.folder, path::Path::new(folder), FOLDER)?;

        Ok(renameat(&place.folder, &place.name, aside, name)?)
    }

    /// Deletes a file. A link is deleted itself.
    pub(super) fn remove(&self, location: &Path) -> io::Result<()> {
        let place = self.place(location)?;

        Ok(unlinkat(&place.folder, &place.name, AtFlags::empty())?)
    }

    fn place(&self, location: &Path) -> io::Result<Place> {
        let path = self.path_below(location)?;
        let folder = path.parent().unwrap_or(path::Path::new(""));

        Ok(Place {
            folder: self.open(folder, FOLDER)?,
            name: path.file_name().unwrap_or_default().into(),
        })
    }

    pub(super) fn path_below(&self, location: &Path) -> io::Result<PathBuf> {
        let below = location.as_ref().strip_prefix(&self.prefix);
        let below = below.ok_or_else(|| io::Error::from(Errno::XDEV))?;

        Ok(below.trim_start_matches('/').into())
    }
}

/// Where a file is: its open folder, and its name there.
struct Place {
    folder: OwnedFd,
    name: PathBuf,
}

impl Place {
    fn meta(&self, location: &Path) -> io::Result<Option<ObjectMeta>> {
        meta_at(&self.folder, self.name.as_os_str(), location)
    }
}

/// Gives size, time and etag of a plain file in an open folder; `None` if there is none.
fn meta_at(folder: impl AsFd, name: &OsStr, location: &Path) -> io::Result<Option<ObjectMeta>> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(is_plain(&stat).then(|| meta_of(&stat, location))),
        Err(Errno::NOENT) => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

/// What is known of an open file.
pub(super) fn meta_of_open(file: &File, location: &Path) -> io::Result<ObjectMeta> {
    Ok(meta_of(&fstat(file)?, location))
}

fn is_plain(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

fn is_gone(fault: &io::Error) -> bool {
    fault.kind() == io::ErrorKind::NotFound || super::beneath::is_link(fault)
}

/// The etag is written as `object_store` does, which wrote those of older entries of the ledger.
fn meta_of(stat: &Stat, location: &Path) -> ObjectMeta {
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    let nanoseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or_default();
    let micros = stat
        .st_mtime
        .saturating_mul(1_000_000)
        .saturating_add(nanoseconds / 1_000);
    let since = Duration::from_micros(micros.unsigned_abs());
    let modified = if micros < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(since)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(since)
    };
    let inode = stat.st_ino;
    let stamp = micros.max(0);

    ObjectMeta {
        location: location.clone(),
        last_modified: modified.unwrap_or(SystemTime::UNIX_EPOCH).into(),
        size,
        e_tag: Some(format!("\"{inode:x}-{stamp:x}-{size:x}\"")),
        version: None,
    }
}
