//! Some names of a drop folder, in their order.

use object_store::ObjectMeta;
use object_store::path::Path;

/// Some names of a drop folder, in their order.
#[derive(Clone)]
pub(super) struct Stretch {
    /// Names below this folder.
    pub(super) folder: Path,
    /// Names after this one.
    pub(super) after: Option<Path>,
    /// The first of them, at most so many.
    pub(super) most: usize,
}

/// An entry of a stretch.
pub(super) enum FolderEntry {
    File(ObjectMeta),
    Unseen(UnseenEntry),
    /// The last entry of a stretch that does not reach the folder's end: all names up to this one were listed.
    More(Path),
}

/// A file or a whole folder that cannot be looked at.
pub(super) struct UnseenEntry {
    /// Its printable name.
    pub(super) name: String,
    pub(super) reason: String,
}

/// Whether a file or folder of this name is ignored.
pub(super) fn is_hidden(name: &str) -> bool {
    name.starts_with(['_', '.'])
}
