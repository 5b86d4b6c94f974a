//! A folder or a bucket that files are dropped into, and a service over it.

use std::io::Write;
use std::path::Path as FilePath;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::StreamExt;
use icefront::landing::open_store;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use serde_json::Value;
use tempfile::TempDir;

use super::{Run, Servers, Service};

/// Files that are put into a bucket at once.
const AT_ONCE: usize = 16;

/// A service over a folder, or over a bucket with everything else on S3, too.
pub(crate) struct Drops {
    pub(crate) service: Service,
    /// The folder's address, which ends with a slash.
    pub(crate) url: String,
    store: Arc<dyn ObjectStore>,
    root: Path,
    /// `None` for a bucket.
    folder: Option<TempDir>,
}

impl Drops {
    /// Starts a service over an empty folder, with more keys of `source`, such as `, sequence: seq`.
    pub(crate) async fn start(more: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let url = format!("file://{}/", folder.path().display());

        Self::over(Servers::find(), url, Some(folder), more).await
    }

    /// The same over a folder, and over a bucket.
    pub(crate) async fn on_both(more: &str) -> [Self; 2] {
        let servers = Servers::find_s3();
        let id = uuid::Uuid::now_v7().simple().to_string();
        let url = format!("s3://ice/drops/{}/", &id[24..]);

        [
            Self::start(more).await,
            Self::over(servers, url, None, more).await,
        ]
    }

    async fn over(servers: Servers, url: String, folder: Option<TempDir>, more: &str) -> Self {
        let (store, root) = open_store(&url).expect("a store");
        let pipeline = definition(&url, more);

        Self {
            service: Service::of(&pipeline).on(servers).start().await,
            url,
            store,
            root,
            folder,
        }
    }

    /// The definition, with more keys of `source`.
    pub(crate) fn definition(&self, more: &str) -> String {
        definition(&self.url, more)
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &FilePath {
        self.folder.as_ref().expect("no bucket").path()
    }

    /// Drops a complete file. Into a folder it moves the file, as partners should.
    pub(crate) async fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let Some(folder) = &self.folder else {
            let content = PutPayload::from(content.as_ref().to_vec());
            let put = self.store.put(&self.path(name), content).await;
            put.expect("written");
            return;
        };
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let aside = path.with_file_name(".aside");
        std::fs::write(&aside, content).expect("written");
        std::fs::rename(&aside, &path).expect("in its place");
    }

    /// Drops many files.
    pub(crate) async fn put_all(&self, files: impl Iterator<Item = (String, String)>) {
        let puts =
            futures::stream::iter(files).map(async |(name, text)| self.put(&name, text).await);
        // Into a folder they go one after the other, because all are written aside under one name.
        let at_once = if self.folder.is_some() { 1 } else { AT_ONCE };
        puts.buffer_unordered(at_once).collect::<()>().await;
    }

    pub(crate) async fn remove(&self, name: &str) {
        self.store.delete(&self.path(name)).await.expect("removed");
    }

    pub(crate) async fn has(&self, name: &str) -> bool {
        self.store.head(&self.path(name)).await.is_ok()
    }

    /// Number of files below one of its folders.
    pub(crate) async fn count(&self, folder: &str) -> usize {
        self.store.list(Some(&self.path(folder))).count().await
    }

    fn path(&self, name: &str) -> Path {
        Path::parse(format!("{}/{name}", self.root)).expect("a path")
    }

    /// Runs the pipeline to its end, as [`Service::run`].
    #[must_use = "say whether it succeeds"]
    pub(crate) async fn run(&self) -> Run {
        self.service.run().await
    }

    /// The rows of the current table, by their keys.
    pub(crate) async fn rows(&self) -> Value {
        self.service
            .current("orders", "id, cast(amount as varchar), note")
            .await
    }

    /// Path, state and reason of each file in the ledger, by path.
    pub(crate) async fn ledger(&self) -> Vec<(String, String, String)> {
        let path = format!("/v1/sources/{}/files?limit=1000", self.service.name);
        let listed = self.service.get(&path).await;
        let text =
            |file: &Value, member: &str| file[member].as_str().unwrap_or_default().to_owned();
        let mut files: Vec<_> = listed.body["data"]
            .as_array()
            .expect("files")
            .iter()
            .map(|file| {
                let path = text(file, "path");
                let name = path.rsplit('/').next().unwrap_or_default().to_owned();
                (name, text(file, "state"), text(file, "detail"))
            })
            .collect();
        files.sort();
        files
    }
}

/// Bytes as gzip packs them.
pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes.as_ref()).expect("packed");
    packed.finish().expect("packed")
}

fn definition(url: &str, more: &str) -> String {
    format!(
        "
pipeline: PIPELINE
source: {{kind: files, path: '{url}', settle: 0s{more}}}
tables:
  orders:
    from: 'orders*'
    key: [id]
    columns: [{{name: id, data_type: bigint}}, {{name: amount, data_type: 'decimal(18,2)'}}]
"
    )
}
