//! A file of keys, written as an operator writes it.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Keys that `icefront key new` made, in a file of their own.
pub(crate) struct KeyFile {
    _folder: TempDir,
    path: PathBuf,
    lines: Vec<String>,
}

impl KeyFile {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("keys.yaml");
        std::fs::write(&path, "").expect("a file");

        Self {
            _folder: folder,
            path,
            lines: Vec::new(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The settings of a service that takes these keys.
    pub(crate) fn settings(&self) -> String {
        format!(
            "auth = {{ mode = \"keys\", keys_file = \"{}\" }}",
            self.path.display()
        )
    }

    /// Makes a key with grants, such as `runner:shop`, and more options; adds its line to the file.
    pub(crate) fn add(&mut self, name: &str, grants: &[&str], options: &[&str]) -> String {
        let made = Command::new(env!("CARGO_BIN_EXE_icefront"))
            .args(["key", "new", "--name", name])
            .args(grants.iter().flat_map(|grant| ["--grant", grant]))
            .args(options)
            .output()
            .expect("the program");
        let printed = String::from_utf8(made.stdout).expect("text");
        let mut printed = printed.lines();
        let key = printed.next().expect("a key").to_owned();
        self.lines.push(printed.next().expect("a line").to_owned());
        self.write();

        key
    }

    /// Removes the line of the key that was added first.
    pub(crate) fn remove_first(&mut self) {
        self.lines.remove(0);
        self.write();
    }

    fn write(&self) {
        std::fs::write(&self.path, self.lines.join("\n") + "\n").expect("a file");
    }
}
