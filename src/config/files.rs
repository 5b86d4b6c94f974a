//! `[files]`: the folders that file sources may read, and the memory that reading takes.

use serde::Deserialize;

use super::FolderAddress;
use super::auth::words;
use crate::error::{Error, Result};

/// Smaller rows and less memory would stop files that are right.
const LEAST_ROW: usize = 1 << 16;
const LEAST_MEMORY: usize = 64 << 20;
/// Parsers and Arrow count in 32 bits.
const LARGEST_ROW: usize = 1 << 30;

/// What file sources may read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The folders below which file sources may read.
    #[serde(deserialize_with = "words")]
    roots: Vec<String>,
    /// The most bytes of one row.
    pub largest_row_bytes: usize,
    /// The memory for decoding, of all pipelines together.
    pub memory_bytes: usize,
}

impl Files {
    pub(super) fn check(&self) -> Result<()> {
        for root in self.roots.iter().filter(|root| !root.is_empty()) {
            FolderAddress::parse(root)
                .map_err(|fault| Error::Settings(format!("an entry of `files.roots` {fault}")))?;
        }
        if !(LEAST_ROW..=LARGEST_ROW).contains(&self.largest_row_bytes) {
            return Err(Error::Settings(format!(
                "`files.largest_row_bytes` is {}; write a number between {LEAST_ROW} and {LARGEST_ROW}",
                self.largest_row_bytes
            )));
        }
        if self.memory_bytes < LEAST_MEMORY {
            return Err(Error::Settings(format!(
                "`files.memory_bytes` is {}; write {LEAST_MEMORY} or more",
                self.memory_bytes
            )));
        }

        Ok(())
    }

    /// The root that holds a folder. A bucket is limited by its credentials, so it needs a root only if one of a bucket is set.
    ///
    /// # Errors
    ///
    /// Which setting allows the folder, and the nearest root.
    pub fn root_of(&self, folder: &FolderAddress) -> Result<FolderAddress, String> {
        let roots = self.roots();
        let found = roots.iter().find(|(_, root)| root.holds(folder));
        if let Some((_, root)) = found {
            return Ok(root.clone());
        }
        let of_kind: Vec<_> = roots
            .iter()
            .filter(|(_, root)| root.is_local() == folder.is_local())
            .collect();
        match of_kind
            .iter()
            .max_by_key(|(_, root)| root.shared_parts(folder))
        {
            Some((nearest, _)) => Err(format!(
                "`source.path` is outside of the folders that the setting `files.roots` lists, of which `{nearest}` is the nearest; read a folder below it, or add the folder to `files.roots`"
            )),
            None if folder.is_local() => Err(
                "`source.path` is a folder of this machine, and the setting `files.roots` lists none; add the folder, such as `files.roots = [\"file:///data/drops/\"]`".into(),
            ),
            None => Ok(folder.clone()),
        }
    }

    /// Each root as it is written, and what it means.
    fn roots(&self) -> Vec<(&str, FolderAddress)> {
        let parsed = self.roots.iter().filter_map(|root| {
            let address = FolderAddress::parse(root).ok()?;
            Some((root.as_str(), address))
        });

        parsed.collect()
    }
}
