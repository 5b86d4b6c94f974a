//! What was read of the folder of a pipeline. It is read again only if its files are others.

use std::path::Path;
use std::sync::Arc;

use super::allowed::misnamed;
use super::contents::Contents;
use super::rivals::{twice, written};
use super::{Checked, Definition, Finding, Reader};
use crate::config::Config;

/// How often a folder that changes while it is read is read again.
const MOST_READS: u32 = 3;

/// What was read of the folder of a pipeline.
#[derive(Debug, Clone)]
pub(super) struct KnownFolder {
    pub(super) name: String,
    pub(super) contents: Contents,
    /// As its files have it, also if there are findings about it beside other pipelines.
    pub(super) definition: Option<Arc<Definition>>,
    pub(super) findings: Vec<Finding>,
    /// The definition that its pipeline works by.
    pub(super) used: Option<Arc<Definition>>,
}

impl KnownFolder {
    /// Reads a folder, unless its files are those of `known`.
    pub(super) fn read(path: &Path, known: Option<&Self>, config: &Config) -> Self {
        let mut contents = Contents::of(path);
        if let Some(known) = known.filter(|known| known.contents == contents) {
            return known.clone();
        }
        let name = path.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let used = known.and_then(|known| known.used.clone());
        for _ in 1..MOST_READS {
            let folder = Self::read_once(path, &name, contents, config);
            let now = Contents::of(path);
            if now == contents {
                return Self { used, ..folder };
            }
            // What was read may have parts of two versions.
            contents = now;
        }

        Self {
            used,
            ..Self::read_once(path, &name, contents, config)
        }
    }

    fn read_once(path: &Path, name: &str, contents: Contents, config: &Config) -> Self {
        let Checked {
            definition,
            mut findings,
        } = Checked::read(path, config, |_| Reader::Trusted);
        if let Some(definition) = &definition {
            findings.extend(misnamed(definition, name, config));
            findings.extend(twice(written(definition, config)));
        }

        Self {
            name: name.to_owned(),
            contents,
            definition: definition.map(Arc::new),
            findings,
            used: None,
        }
    }

    /// The newest definition, unless something is wrong with it.
    pub(super) fn good(&self) -> Option<&Arc<Definition>> {
        let is_broken = self.findings.iter().any(Finding::is_error);

        self.definition.as_ref().filter(|_| !is_broken)
    }
}
