//! Reads the folder of a pipeline: its definition, then its models. All faults are found, as far as one does not hide others.

use std::path::Path;

use super::draft::Draft;
use super::finding::FILE;
use super::models::add_models;
use super::{Definition, Finding, Reader};
use crate::config::Config;

/// In bytes.
const LARGEST_FILE: u64 = 1_000_000;

/// What a folder has, and what is wrong with it.
#[derive(Debug)]
pub struct Checked {
    /// Nothing, if a finding is an error.
    pub definition: Option<Definition>,
    /// Those of `pipeline.yaml` first.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// Reads a folder. It asks no server. `reader` tells by the name of the pipeline who reads it.
    #[must_use]
    pub fn read(folder: &Path, config: &Config, reader: impl Fn(&str) -> Reader) -> Self {
        let mut findings = Vec::new();
        let draft = text(&folder.join(FILE))
            .map_err(|message| findings.push(Finding::error(FILE, &message)))
            .ok()
            .and_then(|text| Draft::read(&text, config, &reader, &mut findings));
        findings.sort_by_key(|finding| (finding.line, finding.line_column));
        let definition = draft.map(
            |Draft {
                 mut definition,
                 wrong,
                 reader,
             }| {
                if !reader.is_stranger() {
                    let wrong = &wrong;
                    add_models(
                        folder,
                        &mut definition,
                        wrong,
                        config,
                        reader,
                        &mut findings,
                    );
                }
                definition
            },
        );
        let is_right = !findings.iter().any(Finding::is_error);

        Self {
            definition: definition.filter(|_| is_right),
            findings,
        }
    }
}

fn text(path: &Path) -> Result<String, String> {
    let unreadable = |fault: std::io::Error| format!("it cannot be read: {fault}");
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST_FILE {
        return Err("it is larger than a megabyte; split the pipeline".into());
    }

    std::fs::read_to_string(path).map_err(unreadable)
}
