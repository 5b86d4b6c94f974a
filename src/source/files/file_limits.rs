//! The limits of reading one file: the memory that it may take now, and the size of its rows.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

use super::access::DropAccess;
use super::file_fault::unreadable;

/// The memory with which a reading begins: buffers, and rows of an ordinary size.
pub(super) const FIRST_BYTES: usize = 4 << 20;
/// A row in the making takes about so many times its size.
const ROW_FACTOR: u64 = 16;

/// The limits of reading one file. Its clones share them.
#[derive(Clone)]
pub(super) struct FileLimits {
    access: DropAccess,
    taken: Arc<Mutex<Taken>>,
    is_abandoned: Arc<AtomicBool>,
}

/// Ends the reading of a file when it is dropped: its thread knows of no run that was cancelled.
pub(super) struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Taken {
    permit: Option<OwnedSemaphorePermit>,
    /// The bytes that the permit stands for.
    bytes: usize,
    /// The bytes that were missing, if other files had them.
    missed: Option<usize>,
    /// Why the file is unreadable. Parsers may lose the text of their causes.
    refusal: Option<String>,
}

impl FileLimits {
    pub(super) fn new(access: &DropAccess) -> Self {
        Self {
            access: access.clone(),
            taken: Arc::default(),
            is_abandoned: Arc::default(),
        }
    }

    /// Keep this for as long as somebody wants the rows.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted(Arc::clone(&self.is_abandoned))
    }

    /// # Errors
    ///
    /// If nobody wants the rows any more.
    pub(super) fn check_wanted(&self) -> io::Result<()> {
        if self.is_abandoned.load(Ordering::Relaxed) {
            return Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "nobody reads it any more",
            ));
        }

        Ok(())
    }

    /// The most bytes of one row.
    pub(super) fn largest_row(&self) -> usize {
        self.access.settings.largest_row_bytes
    }

    /// Waits until there is memory. Call it before the file is opened, and hold no other memory.
    pub(super) async fn take(&self, bytes: usize) {
        let permit = self.access.decoding(bytes).await;
        let mut taken = self.taken();
        *taken = Taken {
            permit,
            bytes,
            ..Taken::default()
        };
    }

    /// Takes more memory, if the file needs it now.
    ///
    /// # Errors
    ///
    /// The file is unreadable if it needs more than there is. Else other files have the memory, and [`Self::missed`] says so: waiting
    /// for them here could take forever, because they may wait, too.
    pub(super) fn grow_to(&self, bytes: usize) -> io::Result<()> {
        let mut taken = self.taken();
        if bytes <= taken.bytes {
            return Ok(());
        }
        let all = self.access.settings.memory_bytes;
        if bytes > all {
            let mebibytes = all >> 20;
            drop(taken);
            return Err(self.refuse(format!(
                "decoding it takes more memory than all files together may have, {mebibytes} MiB; write smaller pages, row groups or rows, or raise the setting `files.memory_bytes`"
            )));
        }
        let Some(more) = self.access.try_decoding(bytes - taken.bytes) else {
            taken.missed = Some(bytes);
            return Err(io::ErrorKind::OutOfMemory.into());
        };
        match &mut taken.permit {
            Some(permit) => permit.merge(more),
            None => taken.permit = Some(more),
        }
        taken.bytes = bytes;

        Ok(())
    }

    /// Takes the memory for a row of which so many bytes were read.
    ///
    /// # Errors
    ///
    /// The row is larger than the limit, or as [`Self::grow_to`].
    pub(super) fn check_row(&self, bytes: u64) -> io::Result<()> {
        self.check_wanted()?;
        let most = self.largest_row();
        if bytes > most as u64 {
            return Err(self.refuse(format!(
                "a row is larger than {} MiB; is a quote or a bracket not closed? Else raise the setting `files.largest_row_bytes`",
                most >> 20
            )));
        }
        let needed = bytes.saturating_mul(ROW_FACTOR);
        if needed <= FIRST_BYTES as u64 {
            return Ok(());
        }
        let needed = usize::try_from(needed.next_power_of_two()).unwrap_or(usize::MAX);

        self.grow_to(needed.min(self.access.settings.memory_bytes))
    }

    /// Notes why the file is unreadable.
    pub(super) fn refuse(&self, reason: impl Into<String>) -> io::Error {
        let reason = reason.into();
        self.taken().refusal.get_or_insert_with(|| reason.clone());

        unreadable(reason)
    }

    /// Why the file is unreadable, if a limit says so.
    pub(super) fn refusal(&self) -> Option<String> {
        self.taken().refusal.clone()
    }

    /// The bytes that the reading lacked, because other files had them.
    pub(super) fn missed(&self) -> Option<usize> {
        self.taken().missed
    }

    /// Gives the memory back; says how much it was.
    pub(super) fn release(&self) -> usize {
        let mut taken = self.taken();
        taken.permit = None;

        std::mem::take(&mut taken.bytes)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
