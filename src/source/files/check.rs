//! What the check of a drop folder finds: whether it can be listed, and its files read.

use object_store::Error as StoreError;
use object_store::path::Path;

use super::folder::DropFolder;
use crate::error::{Error, Result, causes};
use crate::source::finding::Finding;
use crate::source::reading::Purpose;

impl DropFolder<'_> {
    /// Lists the folder and asks for one file.
    pub(super) async fn findings(&mut self) -> Result<Vec<Finding>> {
        match self.begin_reading(None, None, Purpose::Look).await {
            Err(error @ Error::FilesUnavailable { .. }) => return Ok(vec![not_listed(&error)]),
            listed => listed?,
        };
        let waiting = self.taken.len();
        let which = match self.why_uncounted() {
            Some(_) => "files among its first names",
            None => "files",
        };
        let listed = Finding::pass(
            "listing",
            format!("the folder can be listed; {waiting} {which} wait to be read"),
        );

        Ok([Some(listed), self.check_read().await]
            .into_iter()
            .flatten()
            .collect())
    }

    /// Whether the first file that waits can be read; `None` if no file waits.
    async fn check_read(&self) -> Option<Finding> {
        let first = self.taken.iter().find(|file| file.refusal.is_none())?;
        let path = Path::parse(&first.path).ok()?;

        Some(match self.store.try_read(&path).await {
            // The file may be gone by now.
            Ok(()) | Err(StoreError::NotFound { .. }) => {
                Finding::pass("read", "the first file that waits can be read")
            }
            Err(_) => Finding::error(
                "read",
                "the first file that waits cannot be read",
                "let the service read the files of the folder; of S3, allow it `GetObject`",
            ),
        })
    }
}

fn not_listed(error: &Error) -> Finding {
    let cause = causes(error);
    tracing::warn!(%error, cause, "a folder cannot be listed");

    Finding::error(
        "listing",
        error.to_string(),
        "see that the store answers, that `source.path` is there, and that the service may list it; of S3, allow it `ListBucket`",
    )
}
