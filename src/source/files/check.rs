//! What the check of a drop folder finds: whether it can be listed, and its files read.

use jiff::Timestamp;

use super::folder::DropFolder;
use crate::error::{Error, Result, causes};
use crate::source::finding::Finding;
use crate::source::reading::Purpose;

impl DropFolder<'_> {
    /// Lists the folder and asks for one file.
    pub(super) async fn findings(&mut self) -> Result<Vec<Finding>> {
        let batch = match self.list(Timestamp::now(), Purpose::Look).await {
            Err(error @ Error::FilesUnavailable { .. }) => {
                let cause = causes(&error);
                tracing::warn!(%error, cause, "a folder cannot be listed");
                return Ok(vec![Finding::error(
                    "listing",
                    error.to_string(),
                    "see that the store answers, that `source.path` is there, and that the service may list it; of S3, allow it `ListBucket`",
                )]);
            }
            listed => listed?,
        };
        self.taken = batch.files.into_iter().collect();
        let waiting = self.taken.len();
        let mut findings = vec![Finding::pass(
            "listing",
            format!("the folder can be listed; {waiting} files wait to be read"),
        )];
        findings.extend(self.may_read().await.map(|may_read| {
            if may_read {
                Finding::pass("read", "the first file that waits can be read")
            } else {
                Finding::error(
                    "read",
                    "the first file that waits cannot be read",
                    "let the service read the files of the folder; of S3, allow it `GetObject`",
                )
            }
        }));

        Ok(findings)
    }
}
