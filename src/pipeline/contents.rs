//! The contents of a pipeline's files, by which a change is noticed. Times do not count: Kubernetes swaps links to folders.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// In bytes. A pipeline may have no larger file, so what follows says nothing new.
const LARGEST_FILE: u64 = 1_000_001;
const MOST_FILES: usize = 20_000;
const DEEPEST: usize = 20;

/// A digest of the names and bytes of the files below a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contents([u8; 32]);

impl Contents {
    pub(super) fn of(folder: &Path) -> Self {
        let mut walk = Walk {
            digest: Sha256::new(),
            folders: BTreeSet::new(),
            left: MOST_FILES,
        };
        walk.folder(folder, 0);

        Self(walk.digest.finalize().into())
    }
}

struct Walk {
    digest: Sha256,
    /// Without links. No folder is visited twice.
    folders: BTreeSet<PathBuf>,
    /// How many files may follow.
    left: usize,
}

impl Walk {
    fn folder(&mut self, folder: &Path, depth: usize) {
        let is_new = folder
            .canonicalize()
            .is_ok_and(|real| self.folders.insert(real));
        if !is_new || depth > DEEPEST {
            return;
        }
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        for name in names {
            // Those of a reader of models, too: `..data` of Kubernetes leads to the same files.
            if name.as_encoded_bytes().starts_with(b".") || self.left == 0 {
                continue;
            }
            self.left -= 1;
            let path = folder.join(&name);
            self.add(name.as_encoded_bytes());
            if path.is_dir() {
                self.add(b"a folder");
                self.folder(&path, depth + 1);
                self.add(b"its end");
            } else {
                self.file(&path);
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let mut bytes = Vec::new();
        let mut read = || {
            // A pipe would be waited for.
            if !std::fs::metadata(path)?.is_file() {
                return Ok(0);
            }
            File::open(path)?.take(LARGEST_FILE).read_to_end(&mut bytes)
        };
        match read() {
            Ok(_) => self.add(&bytes),
            Err(fault) => self.add(fault.to_string().as_bytes()),
        }
    }

    /// Two texts never look as one.
    fn add(&mut self, bytes: &[u8]) {
        self.digest.update((bytes.len() as u64).to_le_bytes());
        self.digest.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    #[test]
    fn a_swapped_link_to_the_same_files_is_no_change_and_to_others_is_one() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        for (version, sql) in [
            ("..1", "select 1"),
            ("..2", "select 1"),
            ("..3", "select 2"),
        ] {
            write(&root.join(version).join("shop/pipeline.yaml"), "a");
            write(&root.join(version).join("shop/models/a.sql"), sql);
        }
        let shop = root.join("shop");
        let seen = ["..1", "..2", "..3"].map(|version| {
            let data = root.join("..data");
            let _ = std::fs::remove_file(&data);
            symlink(version, &data).expect("a link");
            if !shop.exists() {
                symlink("..data/shop", &shop).expect("a link");
            }
            Contents::of(&shop)
        });

        assert_eq!(seen[0], seen[1]);
        assert_ne!(seen[1], seen[2]);
    }

    #[test]
    fn a_file_that_moves_or_is_renamed_is_a_change_and_a_circle_of_links_has_an_end() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        let mut seen = Vec::new();
        for place in ["models/a.sql", "models/b.sql", "models/a/b.sql", "a.sql"] {
            write(&root.join(place), "select 1");
            seen.push(Contents::of(root));
            std::fs::remove_file(root.join(place)).expect("removed");
        }
        symlink(root, root.join("circle")).expect("a link");
        seen.push(Contents::of(root));

        for (at, one) in seen.iter().enumerate() {
            assert!(!seen[..at].contains(one), "{at}");
        }
    }
}
