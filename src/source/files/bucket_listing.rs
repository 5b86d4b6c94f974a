//! Lists a stretch of a bucket, page by page. It steps over hidden folders such as `_done`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{BoxStream, try_unfold};
use futures::{Stream, StreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, Result};

use super::stretch::{FolderEntry, Stretch, UnseenEntry, is_hidden};

/// The names that a store lists in one answer.
const PAGE: usize = 1_000;
/// A stretch of a slow store ends after this time, however few names were listed.
const LONGEST: Duration = Duration::from_secs(3);

struct BucketListing {
    store: Arc<dyn ObjectStore>,
    /// The drop folder.
    root: Path,
    stretch: Stretch,
    listed: BoxStream<'static, Result<ObjectMeta>>,
    /// All names up to this one were listed.
    last: Option<Path>,
    /// The names that the stretch may still hold.
    left: usize,
    /// Names that come in no order cannot be cut into stretches.
    is_ordered: bool,
    began_at: Instant,
    is_over: bool,
}

/// Lists a stretch. If the store lists its names in no order, the stretch is the whole folder.
pub(super) fn bucket_entries(
    store: Arc<dyn ObjectStore>,
    root: Path,
    stretch: Stretch,
    is_ordered: bool,
) -> impl Stream<Item = Result<FolderEntry>> {
    let listed = match stretch.after.as_ref().filter(|_| is_ordered) {
        Some(after) => store.list_with_offset(Some(&stretch.folder), after),
        None => store.list(Some(&stretch.folder)),
    };
    let listing = BucketListing {
        last: stretch.after.clone(),
        left: stretch.most,
        began_at: Instant::now(),
        is_over: false,
        store,
        root,
        stretch,
        listed,
        is_ordered,
    };

    try_unfold(listing, async |mut listing| {
        let next = listing.next().await;
        next.map(|entry| entry.map(|entry| (entry, listing)))
    })
}

impl BucketListing {
    async fn next(&mut self) -> Result<Option<FolderEntry>> {
        while !self.is_over {
            let meta = match self.listed.next().await {
                None => break,
                Some(Ok(meta)) => meta,
                Some(Err(Error::InvalidPath { source })) => {
                    return Ok(Some(FolderEntry::Unseen(UnseenEntry {
                        name: source.to_string(),
                        reason: "its name is no text".into(),
                    })));
                }
                Some(Err(cause)) => return Err(cause),
            };
            self.is_ordered &= self.last.as_ref().is_none_or(|last| *last < meta.location);
            if let Some(last) = self.end() {
                self.is_over = true;
                return Ok(Some(FolderEntry::More(last)));
            }
            if let Some(end) = end_of_hidden_folder(&meta.location, &self.root) {
                self.step_over(end);
                continue;
            }
            self.left = self.left.saturating_sub(1);
            self.last = Some(meta.location.clone());
            return Ok(Some(FolderEntry::File(meta)));
        }
        self.is_over = true;

        Ok(None)
    }

    /// The last name of the stretch, if the next one does not belong to it.
    fn end(&self) -> Option<Path> {
        let is_late = || self.left.is_multiple_of(PAGE) && self.began_at.elapsed() > LONGEST;
        let is_full = self.left == 0 || self.left < self.stretch.most && is_late();

        self.last.clone().filter(|_| self.is_ordered && is_full)
    }

    /// Goes on after a hidden folder. That costs as much as a page.
    fn step_over(&mut self, end: Path) {
        if !self.is_ordered {
            return;
        }
        self.left = self.left.saturating_sub(PAGE);
        self.listed = self
            .store
            .list_with_offset(Some(&self.stretch.folder), &end);
        self.last = Some(end);
    }
}

/// If a file lies in a hidden folder: a name after all names of that folder, and before all that are not hidden.
fn end_of_hidden_folder(location: &Path, root: &Path) -> Option<Path> {
    let text = location.as_ref();
    let below = text.strip_prefix(root.as_ref())?.trim_start_matches('/');
    let mut end = text.len() - below.len();
    let mut parts = below.split('/').peekable();
    while let Some(part) = parts.next() {
        // The last part is the file's name.
        parts.peek()?;
        end += part.len();
        if is_hidden(part) {
            // `0` is the sign after `/`.
            return Path::parse(format!("{}0", &text[..end])).ok();
        }
        end += 1;
    }

    None
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use object_store::memory::InMemory;
    use object_store::{ObjectStoreExt, PutPayload};

    use super::*;

    async fn stretch(store: &Arc<InMemory>, after: Option<&str>, most: usize) -> Vec<String> {
        let stretch = Stretch {
            folder: Path::from("drops"),
            after: after.map(Path::from),
            most,
        };
        let store: Arc<dyn ObjectStore> = store.clone();
        let entries: Vec<FolderEntry> = bucket_entries(store, Path::from("drops"), stretch, true)
            .try_collect()
            .await
            .expect("a listing");

        entries
            .into_iter()
            .map(|entry| match entry {
                FolderEntry::File(meta) => meta.location.to_string(),
                FolderEntry::Unseen(unseen) => unseen.name,
                FolderEntry::More(last) => format!("more after {last}"),
            })
            .collect()
    }

    #[tokio::test]
    async fn stretches_hold_every_name_once_and_step_over_hidden_folders() {
        let store = Arc::new(InMemory::new());
        for name in [
            "drops/a/1",
            "drops/a/_done/1",
            "drops/a/_done/2",
            "drops/a/b",
            "drops/b",
            "other/c",
        ] {
            let path = Path::from(name);
            store.put(&path, PutPayload::new()).await.expect("put");
        }

        assert_eq!(
            stretch(&store, None, 1).await,
            ["drops/a/1", "more after drops/a/1"]
        );
        let rest = stretch(&store, Some("drops/a/1"), 2_000).await;
        assert_eq!(rest, ["drops/a/b", "drops/b"]);
        assert_eq!(
            stretch(&store, Some("drops/a/1"), 1_000).await,
            ["more after drops/a/_done0"]
        );
    }
}
