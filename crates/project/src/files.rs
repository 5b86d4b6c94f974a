//! The files of a project.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::control::{control_character, fault_of_text};
use crate::fault::Fault;

/// A file of a project with its text.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Below the project's folder, with `/`.
    pub(crate) place: String,
    /// The name without folder and ending.
    pub(crate) name: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn is_sql(&self) -> bool {
        self.ending() == "sql"
    }

    /// What stands behind the last point of its place.
    pub(crate) fn ending(&self) -> &str {
        self.place.rsplit('.').next().unwrap_or_default()
    }
}

/// A project with more files is refused.
const MOST_FILES: usize = 10_000;
/// In bytes, of one file and of all.
const LARGEST_FILE: u64 = 1_000_000;
const LARGEST_PROJECT: u64 = 50_000_000;
const DEEPEST: usize = 20;
/// What some editors write before a text in UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads files of one project.
pub(crate) struct Files {
    folder: PathBuf,
    /// The folder without links. Links that lead out of it are not followed.
    root: PathBuf,
    left: u64,
}

impl Files {
    pub(crate) fn of(folder: &Path) -> Self {
        let root = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());

        Self {
            folder: folder.to_owned(),
            root,
            left: LARGEST_PROJECT,
        }
    }

    /// The files below a part of the project with one of these endings, in the order of their places. A missing folder has none.
    pub(crate) fn below(
        &mut self,
        part: &str,
        endings: &[&str],
        faults: &mut Vec<Fault>,
    ) -> Vec<File> {
        let mut found = Found::default();
        self.collect(&self.folder.join(part), 0, &mut found);
        if found.paths.len() > MOST_FILES {
            faults.push(Fault::new(
                part,
                format!("it has more than {MOST_FILES} files; split the project"),
            ));
            return Vec::new();
        }
        for folder in &found.too_deep {
            let message =
                format!("the folder is more than {DEEPEST} folders deep; move its files up");
            faults.push(Fault::new(&self.place(folder), message));
        }
        found.paths.retain(|path| {
            path.extension()
                .is_some_and(|ending| endings.iter().any(|known| ending == *known))
        });
        found.paths.sort();

        found
            .paths
            .iter()
            .filter_map(|path| self.read(path, faults))
            .collect()
    }

    /// One file, if it is there.
    pub(crate) fn one(&mut self, name: &str, faults: &mut Vec<Fault>) -> Option<File> {
        let path = self.folder.join(name);
        if path.symlink_metadata().is_err() {
            return None;
        }
        if !self.is_inside(&path) {
            faults.push(Fault::new(
                name,
                "the file is a link that leads out of the project",
            ));
            return None;
        }

        self.read(&path, faults)
    }

    fn is_inside(&self, path: &Path) -> bool {
        path.canonicalize()
            .is_ok_and(|real| real.starts_with(&self.root))
    }

    fn read(&mut self, path: &Path, faults: &mut Vec<Fault>) -> Option<File> {
        let place = self.place(path);
        if control_character(&place).is_some() {
            let place = place.replace(char::is_control, "?");
            let message = "the name of the file has a control character; rename it";
            faults.push(Fault::new(&place, message));
            return None;
        }
        match self.text(path) {
            Ok(text) => {
                if let Some(fault) = fault_of_text(&place, &text) {
                    faults.push(fault);
                    return None;
                }
                Some(File {
                    name: path.file_stem()?.to_string_lossy().into_owned(),
                    place,
                    text,
                })
            }
            Err(message) => {
                faults.push(Fault::new(&place, message));
                None
            }
        }
    }

    /// The path below the project's folder.
    fn place(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.folder).unwrap_or(path);

        path.to_string_lossy().replace('\\', "/")
    }

    fn text(&mut self, path: &Path) -> Result<String, String> {
        if !path.is_file() {
            return Err("it is no file".into());
        }
        let unreadable = |fault: std::io::Error| format!("the file cannot be read: {fault}");
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(LARGEST_FILE + 1)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        let size = text.len() as u64;
        if size > LARGEST_FILE {
            return Err("the file is larger than a megabyte; split it".into());
        }
        self.left = self
            .left
            .checked_sub(size)
            .ok_or("the files of the project are larger than 50 MB; split it")?;

        Ok(match text.strip_prefix(BYTE_ORDER_MARK) {
            Some(text) => text.to_owned(),
            None => text,
        })
    }

    /// Follows links, as Kubernetes mounts files by them, but into no folder twice.
    fn collect(&self, folder: &Path, depth: usize, found: &mut Found) {
        let is_new = folder
            .canonicalize()
            .is_ok_and(|real| found.folders.insert(real));
        if !is_new {
            return;
        }
        if depth > DEEPEST {
            found.too_deep.push(folder.to_owned());
            return;
        }
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.')
                || !self.is_inside(&path)
                || found.paths.len() > MOST_FILES
            {
                continue;
            }
            if path.is_dir() {
                self.collect(&path, depth + 1, found);
            } else {
                found.paths.push(path);
            }
        }
    }
}

#[derive(Default)]
struct Found {
    paths: Vec<PathBuf>,
    folders: BTreeSet<PathBuf>,
    /// Folders that are not looked into.
    too_deep: Vec<PathBuf>,
}
