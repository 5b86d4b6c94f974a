//! Logs what keeps a trigger from its work, once.

use crate::error::{Error, Result, causes};

/// Logs the first of several faults in a row.
#[derive(Debug)]
pub(super) struct Faults {
    pipeline: String,
    /// What cannot be done.
    message: &'static str,
    is_logged: bool,
}

impl Faults {
    pub(super) fn of(pipeline: &str, message: &'static str) -> Self {
        Self {
            pipeline: pipeline.to_owned(),
            message,
            is_logged: false,
        }
    }

    pub(super) fn note<T>(&mut self, result: &Result<T>) {
        match result {
            Ok(_) => self.is_logged = false,
            Err(error) if !self.is_logged => {
                self.log(error);
                self.is_logged = true;
            }
            Err(_) => {}
        }
    }

    fn log(&self, error: &Error) {
        let (pipeline, message) = (&self.pipeline, self.message);
        tracing::warn!(pipeline, %error, cause = causes(error), "{message}");
    }
}
