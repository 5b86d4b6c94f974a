//! Moves or deletes landed files, if the definition asks for it.

use futures::TryStreamExt;
use object_store::path::Path;

use super::dropped_file::DroppedFile;
use super::folder::DropFolder;
use super::listing::FolderEntry;
use crate::error::Result;
use crate::pipeline::AfterLanding;
use crate::state::ListedFile;

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
        let mut parts = std::pin::pin!(self.entries_by_look_up());
        while let Some(entries) = parts.try_next().await? {
            for file in self.landed_among(&entries).await? {
                let done = self.tidy_file(&file).await;
                tidied = tidied.and(done.map_err(|cause| self.unavailable(cause)));
            }
        }

        tidied
    }

    /// The files whose present version has landed.
    async fn landed_among(&self, entries: &[FolderEntry]) -> Result<Vec<DroppedFile>> {
        let mut files: Vec<DroppedFile> = entries
            .iter()
            .filter_map(|entry| match entry {
                FolderEntry::File(meta) => self.dropped_file(meta),
                FolderEntry::Unseen(_) => None,
            })
            .collect();
        let listed: Vec<ListedFile<'_>> = files.iter().map(DroppedFile::listed).collect();
        let landed = self.ledger.landed_files(self.pipeline, &listed).await?;
        files.retain(|file| landed.contains(&file.path));

        Ok(files)
    }

    /// Moves or deletes a file, unless another has replaced it.
    async fn tidy_file(&self, file: &DroppedFile) -> object_store::Result<()> {
        let from = Path::parse(&file.path)?;
        let Some(now) = self.store.meta(&from).await? else {
            return Ok(());
        };
        if now.e_tag.unwrap_or_default() != file.etag && file.has_etag || now.size != file.size {
            return Ok(());
        }
        match self.source.after {
            AfterLanding::Move => {
                // The time distinguishes files that had the same name.
                let name = from.filename().unwrap_or_default();
                let time = file.modified_at.strftime("%Y%m%dT%H%M%S%6f");
                self.store.move_done(&from, format!("{time}-{name}")).await
            }
            AfterLanding::Delete => self.store.delete(&from).await,
            AfterLanding::Keep => Ok(()),
        }
    }
}
