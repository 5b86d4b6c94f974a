//! Who gets to know what is wrong with a definition, and so how much of the settings its findings may show.

use icefront_project::Fault;

use super::Severity;
use super::finding::{FILE, Finding};

/// Who reads a definition.
///
/// Templates can do anything with a value, so none is hidden by looking for it in messages: it is not filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Reader {
    /// The service, or an operator of the pipeline: variables have their values.
    Trusted,
    /// Another caller with a role on the pipeline: variables have a stand-in for their values.
    Granted,
    /// A caller without a role on the pipeline: what the settings have is not looked up.
    Stranger,
}

impl Reader {
    /// As the command line has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Granted => "granted",
            Self::Stranger => "stranger",
        }
    }

    pub(super) fn is_trusted(self) -> bool {
        self == Self::Trusted
    }

    pub(super) fn is_stranger(self) -> bool {
        self == Self::Stranger
    }

    /// What is not checked, if the definition has something of it.
    pub(super) fn unchecked(self, pipeline: &str, names_variables: bool) -> Option<Finding> {
        let message = match self {
            Self::Trusted => return None,
            Self::Granted if !names_variables => return None,
            Self::Granted => format!(
                "environment variables had no values in this check, and what follows from them was not checked; a caller with the role `operator` on pipeline `{pipeline}` can check it with the values"
            ),
            Self::Stranger => format!(
                "you have no role on pipeline `{pipeline}`, so its connection, its environment variables and its models were not checked; ask for the role `viewer` on it"
            ),
        };

        Some(Finding::of_fault(
            Severity::Warn,
            &Fault::new(FILE, message),
        ))
    }
}

/// The name as the text of a `pipeline.yaml` has it; empty if it cannot be read.
#[must_use]
pub fn written_name(text: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Named {
        pipeline: String,
    }
    let plainly = serde_saphyr::options! { with_snippet: false };
    let named = serde_saphyr::from_str_with_options::<Named>(text, plainly);

    named.map(|named| named.pipeline).unwrap_or_default()
}
