//! The folder that is written. Files that exist stay as they are, unless the caller wants them replaced.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::fault::invalid;
use crate::error::Result;

pub(super) const DEFINITION: &str = "pipeline.yaml";
/// What the owner of the tables runs in the source.
pub(super) const SQL: &str = "source.sql";

pub(super) struct Folder {
    path: PathBuf,
    is_replaced: bool,
}

impl Folder {
    /// Refuses a folder with files that would be replaced.
    pub(super) fn new(path: PathBuf, is_replaced: bool) -> Result<Self> {
        let folder = Self { path, is_replaced };
        let existing = [DEFINITION, SQL].into_iter().find(|name| folder.has(name));
        match existing {
            Some(name) if !is_replaced => Err(invalid(
                "dir",
                format!(
                    "`{}` exists already, and nothing was written; choose another folder by `--dir` or `--pipeline`, or replace its files by `--force`",
                    folder.file(name).display()
                ),
            )),
            _ => Ok(folder),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.file(name).exists()
    }

    /// Writes a file, and its folder if need be.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<()> {
        let file = self.file(name);
        let mut options = OpenOptions::new();
        if self.is_replaced {
            options.write(true).create(true).truncate(true);
        } else {
            options.write(true).create_new(true);
        }
        let written = std::fs::create_dir_all(&self.path)
            .and_then(|()| options.open(&file))
            .and_then(|mut opened| opened.write_all(text.as_bytes()));

        written.map_err(|fault| {
            invalid(
                "dir",
                format!("`{}` cannot be written: {fault}", file.display()),
            )
        })
    }
}
