//! The rows of a file as events of the batch.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::folder::DropFolder;
use super::found::FoundFile;
use super::read::{Checked, read_rows};
use super::rows::{Columns, Reader, Row};
use crate::error::{Error, Result};
use crate::landing::Event;
use crate::source::intake::Intake;

/// The bytes of rows that are handed over at once.
const HANDED_BYTES: usize = 1 << 20;

impl DropFolder<'_> {
    /// Lands the rows of a file that was checked.
    pub(super) async fn land(
        &self,
        found: &FoundFile,
        checked: &Checked,
        id: &mut i64,
        intake: &mut Intake<'_>,
    ) -> Result<()> {
        let mut push = Push {
            found,
            is_numbered: self.source.sequence.is_some(),
            id,
        };
        if checked.is_kept {
            return push.rows(&checked.rows, intake).await;
        }
        let (file, source, key) = self.parts(found);
        let (path, modified_at) = (found.path.clone(), found.modified_at);
        let format = self.source.format_of(&path).map_err(Error::internal)?;
        let (sender, mut handed) = mpsc::channel::<Vec<Row>>(2);
        let fault = Arc::clone(&file.fault);
        let reading = tokio::task::spawn_blocking(move || {
            let reader = Reader {
                source: &source,
                key: &key,
                modified_at,
            };
            let mut rows = Vec::new();
            let mut bytes = 0;
            let mut hand = |row: Row| {
                bytes += row.data.len() + size_of::<Row>();
                rows.push(row);
                if bytes < HANDED_BYTES {
                    return true;
                }
                bytes = 0;
                sender.blocking_send(std::mem::take(&mut rows)).is_ok()
            };
            read_rows(&reader, format, &file, &mut Columns::default(), &mut hand)?;
            // If the run ended, the receiver is gone.
            let _ = sender.blocking_send(rows);
            Ok::<(), std::io::Error>(())
        });
        while let Some(rows) = handed.recv().await {
            push.rows(&rows, intake).await?;
        }

        reading.await.map_err(Error::internal)?.map_err(|cause| {
            let lost = fault.lock().ok().and_then(|mut fault| fault.take());
            // The file was whole a moment ago. If the store answers, another file has replaced it, and the next run
            // reads that one.
            lost.map_or_else(|| self.unavailable(cause), |lost| self.unavailable(lost))
        })
    }
}

/// Gives the rows of a file their numbers, and the writer its events.
struct Push<'a> {
    found: &'a FoundFile,
    is_numbered: bool,
    id: &'a mut i64,
}

impl Push<'_> {
    async fn rows(&mut self, rows: &[Row], intake: &mut Intake<'_>) -> Result<()> {
        for row in rows {
            *self.id += 1;
            let event = Event {
                event_id: if self.is_numbered {
                    row.sequence
                } else {
                    Some(*self.id)
                },
                operation: row.operation.as_deref(),
                occurred_at_us: row.occurred_at_us,
                schema: Some("files"),
                table: Some(&self.found.table),
                data: Some(&row.data),
                source_file: Some(&self.found.path),
            };
            intake.push(&event).await?;
        }

        Ok(())
    }
}
