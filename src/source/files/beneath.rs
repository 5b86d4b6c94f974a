//! Opens what lies below an open folder of this machine. Follows no link, wherever it stands on the way.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

/// To look into a folder, without the right to list it.
#[cfg(target_os = "linux")]
pub(super) const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
pub(super) const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// Opens a path below `folder`; the folder itself for an empty path.
///
/// # Errors
///
/// As [`is_link`] says, if a link stands on the way.
pub(super) fn open_beneath(folder: impl AsFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    #[cfg(target_os = "linux")]
    match at_once(&folder, path, flags) {
        // Some sandboxes do not know the call.
        Err(Errno::NOSYS | Errno::PERM) => {}
        opened => return Ok(opened?),
    }

    Ok(step_by_step(&folder, path, flags)?)
}

/// Whether a link or another thing than a folder stands where a folder or a file stood.
pub(super) fn is_link(fault: &io::Error) -> bool {
    let link = [Errno::LOOP, Errno::NOTDIR, Errno::XDEV];

    Errno::from_io_error(fault).is_some_and(|code| link.contains(&code))
}

#[cfg(target_os = "linux")]
fn at_once(folder: impl AsFd, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    use rustix::fs::{ResolveFlags, openat2};

    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;

    openat2(folder, path, flags, Mode::empty(), resolve)
}

fn step_by_step(folder: impl AsFd, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let mut opened = openat(folder, ".", FOLDER, Mode::empty())?;
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        if !matches!(part, Component::Normal(_) | Component::CurDir) {
            return Err(Errno::XDEV);
        }
        let flags = match parts.peek() {
            Some(_) => FOLDER | OFlags::NOFOLLOW,
            None => flags,
        };
        opened = openat(&opened, part.as_os_str(), flags, Mode::empty())?;
    }

    Ok(opened)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Opens a path in both ways; whether both open it.
    fn opens(folder: &Path, path: &str) -> bool {
        let folder = fs::File::open(folder).expect("a folder");
        let both = [
            open_beneath(&folder, Path::new(path), OFlags::RDONLY),
            step_by_step(&folder, Path::new(path), OFlags::RDONLY | OFlags::NOFOLLOW)
                .map_err(io::Error::from),
        ]
        .map(|opened| opened.is_ok());
        assert_eq!(both[0], both[1], "{path}");

        both[0]
    }

    #[test]
    fn neither_a_link_nor_a_way_upwards_is_followed() {
        let outside = tempfile::TempDir::new().expect("a folder");
        let inside = outside.path().join("inside");
        fs::create_dir_all(inside.join("a")).expect("a folder");
        for file in ["secret", "inside/a/file"] {
            fs::write(outside.path().join(file), "x").expect("a file");
        }
        symlink(outside.path().join("secret"), inside.join("a/link")).expect("a link");
        symlink("a", inside.join("b")).expect("a link");
        symlink(outside.path(), inside.join("out")).expect("a link");

        assert!(opens(&inside, "a/file"));
        for way in [
            "a/link",
            "b/file",
            "out/secret",
            "../secret",
            "/etc/hostname",
        ] {
            assert!(!opens(&inside, way), "{way}");
        }
    }
}
