//! A pipeline whose files cannot be used.

use super::Finding;
use crate::error::Error;

/// A pipeline whose files cannot be used.
#[derive(Debug, Clone, Copy)]
pub struct BrokenPipeline<'a> {
    /// The folder's or the definition's.
    pub name: &'a str,
    /// The name of the folder with its files.
    pub folder: &'a str,
    /// What is wrong, with file and line.
    pub fault: &'a str,
    pub findings: &'a [Finding],
}

#[derive(Debug)]
pub(super) struct Broken {
    folder: String,
    fault: String,
    pub(super) findings: Vec<Finding>,
    /// Whether so little can be read that it may be the definition of any pipeline.
    pub(super) is_unread: bool,
}

/// A message about a pipeline names so many faults at most.
const MOST_FAULTS: usize = 20;

impl Broken {
    /// `folder` is the name of the folder with the files.
    pub(super) fn new(folder: &str, findings: Vec<Finding>, is_unread: bool) -> Self {
        let errors: Vec<&Finding> = findings.iter().filter(|one| one.is_error()).collect();
        let named = errors.iter().take(MOST_FAULTS);
        let mut listed: Vec<String> = named.map(|one| format!("{folder}/{one}")).collect();
        if errors.len() > MOST_FAULTS {
            listed.push(format!("and {} more", errors.len() - MOST_FAULTS));
        }

        Self {
            folder: folder.to_owned(),
            fault: listed.join("; "),
            findings,
            is_unread,
        }
    }

    pub(super) fn view<'a>(&'a self, name: &'a str) -> BrokenPipeline<'a> {
        BrokenPipeline {
            name,
            folder: &self.folder,
            fault: &self.fault,
            findings: &self.findings,
        }
    }
}

impl BrokenPipeline<'_> {
    #[must_use]
    pub fn error(&self) -> Error {
        Error::PipelineBroken {
            pipeline: self.name.to_owned(),
            detail: self.fault.to_owned(),
        }
    }
}
