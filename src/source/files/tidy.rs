//! Moves or deletes landed files, if the definition asks for it.

use futures::TryStreamExt;
use object_store::path::Path;

use super::dropped_file::DroppedFile;
use super::folder::DropFolder;
use super::listing::LOOKED_UP;
use super::round::MOST_NAMES;
use super::search::files_of;
use super::stretch::{FolderEntry, Stretch};
use crate::error::Result;
use crate::pipeline::AfterLanding;
use crate::state::ListedFile;

impl DropFolder<'_> {
    /// Moves or deletes the files of the listed part whose present version has landed, if the definition asks for it.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::FilesUnavailable`], [`crate::error::Error::StateUnavailable`]; of several files that cannot be moved the first.
    pub(super) async fn tidy_landed(&self) -> Result<()> {
        if self.source.after == AfterLanding::Keep {
            return Ok(());
        }
        let mut tidied = Ok(());
        for files in self.taken.chunks(LOOKED_UP) {
            tidied = tidied.and(self.tidy_among(files.to_vec()).await?);
        }
        let mut after = self.part.as_ref().and_then(|part| part.began_after.clone());
        loop {
            let stretch = Stretch {
                folder: self.root.clone(),
                after: after.take(),
                most: MOST_NAMES,
            };
            let mut parts = std::pin::pin!(self.entries_by_look_up(stretch));
            while let Some(entries) = parts.try_next().await? {
                if let Some(FolderEntry::More(last)) = entries.last() {
                    after = Some(last.clone());
                }
                tidied = tidied.and(self.tidy_among(files_of(self, &entries)).await?);
            }
            let is_one_of_many = self.part.as_ref().is_some_and(|part| part.goes_on);
            if after.is_none() || is_one_of_many {
                return tidied;
            }
        }
    }

    /// Moves or deletes those files whose present version has landed. Gives the first fault of a file that could not be moved.
    async fn tidy_among(&self, mut files: Vec<DroppedFile>) -> Result<Result<()>> {
        let listed: Vec<ListedFile<'_>> = files.iter().map(DroppedFile::listed).collect();
        let landed = self.ledger.landed_files(self.pipeline, &listed).await?;
        files.retain(|file| landed.contains(&file.path));
        let mut tidied = Ok(());
        for file in files {
            let done = self.tidy_file(&file).await;
            tidied = tidied.and(done.map_err(|cause| self.unavailable(cause)));
        }

        Ok(tidied)
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
