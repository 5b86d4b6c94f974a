//! Where dropped files are: a folder of this machine, or a bucket.

use std::io;
use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::local_folder::LocalFolder;

/// The folder, beside the files, into which `after: move` moves.
const DONE: &str = "_done";

/// Where dropped files are.
#[derive(Clone)]
pub(super) enum DropStore {
    Local(LocalFolder),
    Bucket(Arc<dyn ObjectStore>),
}

impl DropStore {
    pub(super) fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// Asks for the begin of a file, to see whether it can be read.
    pub(super) async fn try_read(&self, path: &Path) -> object_store::Result<()> {
        match self {
            Self::Bucket(store) => store.get(path).await.map(drop),
            Self::Local(folder) => {
                locally(folder, path, |folder, path| {
                    folder.plain_file(path).map(drop)
                })
                .await
            }
        }
    }

    /// Asks the store for size, time and etag of a file; `None` if the file is gone.
    pub(super) async fn meta(&self, path: &Path) -> object_store::Result<Option<ObjectMeta>> {
        match self {
            Self::Local(folder) => locally(folder, path, LocalFolder::meta).await,
            Self::Bucket(store) => match store.head(path).await {
                Ok(meta) => Ok(Some(meta)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(fault) => Err(fault),
            },
        }
    }

    /// Moves a file into the folder `_done` beside it.
    pub(super) async fn move_done(&self, from: &Path, name: String) -> object_store::Result<()> {
        match self {
            Self::Bucket(store) => {
                let to = Path::parse(format!("{}/{DONE}/{name}", parent(from)))?;
                store.rename(from, &to).await
            }
            Self::Local(folder) => {
                let moved =
                    move |folder: &LocalFolder, from: &Path| folder.move_aside(from, DONE, &name);
                locally(folder, from, moved).await
            }
        }
    }

    pub(super) async fn delete(&self, path: &Path) -> object_store::Result<()> {
        match self {
            Self::Local(folder) => locally(folder, path, LocalFolder::remove).await,
            Self::Bucket(store) => store.delete(path).await,
        }
    }
}

/// Calls a local folder on a thread that may wait.
async fn locally<T: Send + 'static>(
    folder: &LocalFolder,
    path: &Path,
    call: impl FnOnce(&LocalFolder, &Path) -> io::Result<T> + Send + 'static,
) -> object_store::Result<T> {
    let folder = folder.clone();
    let called = path.clone();
    let done = tokio::task::spawn_blocking(move || call(&folder, &called)).await?;

    done.map_err(|fault| local_fault(path, fault))
}

/// A fault of a file of this machine, as the stores of buckets would report it.
pub(super) fn local_fault(path: &Path, fault: io::Error) -> object_store::Error {
    let kind = fault.kind();
    let (path, source) = (path.to_string(), Box::new(fault));

    match kind {
        io::ErrorKind::NotFound => object_store::Error::NotFound { path, source },
        io::ErrorKind::PermissionDenied => object_store::Error::PermissionDenied { path, source },
        _ => object_store::Error::Generic {
            store: "local folder",
            source,
        },
    }
}

/// The path of the folder that a file is in.
pub(super) fn parent(path: &Path) -> String {
    let path = path.as_ref();

    path.rsplit_once('/')
        .map_or("", |(parent, _)| parent)
        .to_owned()
}
