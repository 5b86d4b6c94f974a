//! The files of a definition that a caller sends, as a folder that ends with the call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::error::{Error, Result};
use crate::pipeline::written_name;

const MOST_FILES: usize = 1_000;
const MOST_FOLDERS: usize = 1_000;
/// In bytes, of a path.
const LONGEST_PATH: usize = 255;
const DEEPEST: usize = 20;

/// Files are written and removed on threads of their own, so that a slow disk holds nobody else up.
#[derive(Debug)]
pub(super) struct GivenFolder {
    /// `None` when it is about to be removed.
    folder: Option<TempDir>,
    pipeline: String,
}

impl GivenFolder {
    /// # Errors
    ///
    /// [`Error::Invalid`] for a path that leaves the folder, and for too many files or folders.
    pub(super) async fn write(files: BTreeMap<String, String>) -> Result<Self> {
        check_number(&files)?;
        let written = spawn_blocking(move || {
            let text = files.get("pipeline.yaml").map_or("", String::as_str);
            let folder = Self {
                folder: Some(TempDir::new().map_err(Error::internal)?),
                pipeline: written_name(text),
            };
            for (path, text) in &files {
                write(folder.path(), path, text)?;
            }

            Ok(folder)
        });

        written.await.map_err(Error::internal)?
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new(""), TempDir::path)
    }

    /// The name of the pipeline that `pipeline.yaml` gives; empty if it gives none.
    pub(super) fn pipeline(&self) -> &str {
        &self.pipeline
    }
}

impl Drop for GivenFolder {
    fn drop(&mut self) {
        let folder = self.folder.take();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn_blocking(move || drop(folder));
        }
    }
}

fn check_number(files: &BTreeMap<String, String>) -> Result<()> {
    let folders: BTreeSet<&Path> = files
        .keys()
        .flat_map(|path| Path::new(path).ancestors().skip(1).take(DEEPEST))
        .filter(|folder| *folder != Path::new(""))
        .collect();
    let too_many = |what: &str, most: usize| Error::Invalid {
        field: "files".into(),
        detail: format!("`files` has more than {most} {what}; send fewer"),
    };
    if files.len() > MOST_FILES {
        return Err(too_many("files", MOST_FILES));
    }
    if folders.len() > MOST_FOLDERS {
        return Err(too_many("folders", MOST_FOLDERS));
    }

    Ok(())
}

fn write(folder: &Path, path: &str, text: &str) -> Result<()> {
    let shown: String = path.chars().take(LONGEST_PATH).collect();
    let refused = |detail: &str| Error::Invalid {
        field: format!("files.{shown}"),
        detail: format!(
            "`files` has a file `{shown}`, {detail}; write a path below the folder of the pipeline, such as `models/orders.sql`"
        ),
    };
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let below = Path::new(path);
    if path.is_empty() || path.len() > LONGEST_PATH || path.contains(['\\', '\0']) {
        return Err(refused("which is no path"));
    }
    if !below.components().all(is_plain) {
        return Err(refused("which leads out of the folder"));
    }
    if below.components().count() > DEEPEST {
        return Err(refused("which is too deep"));
    }
    let place = folder.join(below);
    if let Some(parent) = place.parent() {
        std::fs::create_dir_all(parent).map_err(|_| refused("below a file"))?;
    }
    if place.is_dir() {
        return Err(refused("which is a folder of another file"));
    }

    std::fs::write(&place, text).map_err(Error::internal)
}
