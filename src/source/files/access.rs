//! How file sources may read: below which roots, and in how much memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config;

/// The bytes that one permit stands for.
const UNIT: usize = 1 << 16;
/// The memory for rows that wait until their file lands, of all pipelines together.
const KEPT_BYTES: usize = 128 << 20;

/// What the file sources of all pipelines share. Its clones share the memory.
#[derive(Debug, Clone)]
pub struct DropAccess {
    pub(super) settings: config::Files,
    /// The memory for decoding.
    decoding: Arc<Semaphore>,
    /// The memory for decoded rows.
    kept: Arc<Semaphore>,
}

impl DropAccess {
    #[must_use]
    pub fn new(settings: &config::Files) -> Self {
        Self {
            settings: settings.clone(),
            decoding: Arc::new(Semaphore::new(settings.memory_bytes / UNIT)),
            kept: Arc::new(Semaphore::new(KEPT_BYTES / UNIT)),
        }
    }

    /// Waits for memory to decode a file. A file that needs more than there is takes all of it.
    pub(super) async fn decoding(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let taken = units(bytes.min(self.settings.memory_bytes)).min(self.all());

        Arc::clone(&self.decoding)
            .acquire_many_owned(taken)
            .await
            .ok()
    }

    /// Memory to decode a file, if it is there now.
    pub(super) fn try_decoding(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.decoding)
            .try_acquire_many_owned(units(bytes))
            .ok()
    }

    /// Memory to keep rows, if it is there now.
    pub(super) fn try_keeping(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.kept)
            .try_acquire_many_owned(units(bytes))
            .ok()
    }

    fn all(&self) -> u32 {
        u32::try_from(self.settings.memory_bytes / UNIT).unwrap_or(u32::MAX)
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}
