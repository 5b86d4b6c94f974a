//! Lands the rows of a whole file: each row becomes an event of the batch.

use std::io;
use std::ops::ControlFlow;

use tokio::sync::mpsc;

use super::dropped_file::DroppedFile;
use super::file_limits::FIRST_BYTES;
use super::folder::DropFolder;
use super::rows::{FileColumns, FileReader, FileRow};
use super::whole_file::WholeFile;
use crate::error::{Error, Result};
use crate::landing::Event;
use crate::source::intake::Intake;

/// The bytes of rows that are handed over at once.
const HANDED_BYTES: usize = 1 << 20;

impl DropFolder<'_> {
    /// Lands the rows of a file. `last_event` is the id that its first event follows.
    pub(super) async fn land(
        &self,
        dropped: &DroppedFile,
        whole: &WholeFile,
        last_event: &mut i64,
        intake: &mut Intake<'_>,
    ) -> Result<()> {
        let mut events = RowEvents {
            dropped,
            has_sequence: self.source.sequence.is_some(),
            last_event,
        };

        match &whole.rows.kept {
            Some(rows) => events.push(rows, intake).await,
            None => self.land_second_reading(events, whole.memory, intake).await,
        }
    }

    /// Lands the rows of a file that is too large for memory, while it is read again. It takes as much memory as its first reading.
    async fn land_second_reading(
        &self,
        mut events: RowEvents<'_>,
        memory: usize,
        intake: &mut Intake<'_>,
    ) -> Result<()> {
        let reader = self.reader_of(events.dropped).map_err(Error::internal)?;
        let store_fault = reader.file.fault.clone();
        let limits = reader.file.limits.clone();
        // How far a file is read ahead can differ from the first time.
        let memory = if memory > FIRST_BYTES {
            memory.saturating_mul(2)
        } else {
            memory
        };
        limits.take(memory).await;
        let _wanted = limits.wanted();
        let (sender, mut handed) = mpsc::channel(2);
        let reading = tokio::task::spawn_blocking(move || {
            let read = hand_over(&reader, &sender);
            limits.release();
            read
        });
        while let Some(rows) = handed.recv().await {
            events.push(&rows, intake).await?;
        }

        // The file was whole a moment ago. If the store answers, another file has replaced it, and the next run reads
        // that one.
        reading
            .await
            .map_err(Error::internal)?
            .map_err(|cause| match store_fault.take() {
                Some(lost) => self.unavailable(lost),
                None => self.unavailable(cause),
            })
    }
}

/// Reads a file, and sends its rows in parts. If the run ended, the receiver is gone and the reading ends.
fn hand_over(reader: &FileReader, sender: &mpsc::Sender<Vec<FileRow>>) -> io::Result<()> {
    let mut rows = Vec::new();
    let mut bytes = 0;
    reader.read(&mut FileColumns::default(), &mut |row| {
        bytes += row.bytes();
        rows.push(row);
        if bytes < HANDED_BYTES {
            return ControlFlow::Continue(());
        }
        bytes = 0;
        match sender.blocking_send(std::mem::take(&mut rows)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    let _ = sender.blocking_send(rows);

    Ok(())
}

/// Makes events of the rows of a file.
struct RowEvents<'a> {
    dropped: &'a DroppedFile,
    /// Whether the rows bring their ids.
    has_sequence: bool,
    last_event: &'a mut i64,
}

impl RowEvents<'_> {
    async fn push(&mut self, rows: &[FileRow], intake: &mut Intake<'_>) -> Result<()> {
        for row in rows {
            *self.last_event += 1;
            let event = Event {
                event_id: if self.has_sequence {
                    row.sequence
                } else {
                    Some(*self.last_event)
                },
                operation: row.operation.as_deref(),
                occurred_at_us: row.occurred_at_us,
                schema: Some("files"),
                table: Some(&self.dropped.table),
                data: Some(&row.data),
                source_file: Some(&self.dropped.path),
            };
            intake.push(&event).await?;
        }

        Ok(())
    }
}
