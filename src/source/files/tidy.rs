//! Moves or deletes landed files, if the definition asks for it.

use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::folder::DropFolder;
use super::found::FoundFile;
use super::listing::{LOOKED_UP, Listed, for_ledger, parent};
use crate::error::Result;
use crate::pipeline::AfterLanding;

impl DropFolder<'_> {
    /// Moves or deletes the files whose present version has landed, if the definition asks for it.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::FilesUnavailable`], [`crate::error::Error::StateUnavailable`]; of several files that cannot be moved the first.
    pub(super) async fn tidy_landed(&self) -> Result<()> {
        if self.source.after == AfterLanding::Keep {
            return Ok(());
        }
        let mut tidied = Ok(());
        let mut chunks = std::pin::pin!(self.listing().try_chunks(LOOKED_UP));
        while let Some(listed) = chunks.next().await {
            let listed = listed.map_err(|fault| fault.1)?;
            let files: Vec<FoundFile> = listed
                .iter()
                .filter_map(|listed| match listed {
                    Listed::File(meta) => self.look(meta),
                    Listed::Hidden(..) => None,
                })
                .collect();
            let landed = self
                .ledger
                .landed_files(self.pipeline, &for_ledger(&files))
                .await?;
            for file in files.iter().filter(|file| landed.contains(&file.path)) {
                let done = self.remove(file).await;
                tidied = tidied.and(done.map_err(|cause| self.unavailable(cause)));
            }
        }

        tidied
    }

    /// Moves or deletes a file, unless another has replaced it.
    async fn remove(&self, file: &FoundFile) -> object_store::Result<()> {
        let from = Path::parse(&file.path)?;
        let now = match self.store.head(&from).await {
            Ok(meta) => meta,
            Err(object_store::Error::NotFound { .. }) => return Ok(()),
            Err(fault) => return Err(fault),
        };
        if now.e_tag.unwrap_or_default() != file.etag && file.has_etag || now.size != file.size {
            return Ok(());
        }
        match self.source.after {
            AfterLanding::Move => {
                // The time distinguishes files that had the same name.
                let name = from.filename().unwrap_or_default();
                let time = file.modified_at.strftime("%Y%m%dT%H%M%S%6f");
                let to = Path::parse(format!("{}/_done/{time}-{name}", parent(&from)))?;
                self.store.rename(&from, &to).await
            }
            AfterLanding::Delete => self.store.delete(&from).await,
            AfterLanding::Keep => Ok(()),
        }
    }
}
