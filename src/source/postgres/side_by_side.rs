//! Several copies read side by side, in one snapshot that several connections share.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::{BoxFuture, FutureExt, try_join_all};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_postgres::error::SqlState;

use super::connections::OpenConnection;
use super::copy_messages::CopyMessages;
use super::copy_statement::CopyStatement;
use super::fault::unavailable;
use super::row::value;
use super::session::Session;
use crate::error::{Result, causes};
use crate::source::intake::Intake;
use crate::sql::render;
use crate::sql::statement;

/// At most this many connections, if the settings and other readers leave them free.
const MOST_READERS: usize = 4;
/// Rows are handed on in parts of this many bytes. A task switch for each row would cost more than the row.
const PART_BYTES: usize = 256 << 10;

/// A connection that reads in the snapshot of another.
struct SnapshotReader(OpenConnection);

impl Drop for SnapshotReader {
    /// Ends the connection. Otherwise the server would send the rest of the rows.
    fn drop(&mut self) {
        self.0.task.abort();
    }
}

/// What a reader hands on of one copy, by the copy's place among all.
enum CopyPart {
    Messages(usize, Vec<Bytes>),
    End(usize),
}

/// The context of `source/share_snapshot.sql`.
#[derive(Serialize)]
struct SharedSnapshot {
    snapshot: String,
}

/// The copies that no reader has taken yet, by their places.
struct CopyQueue(Mutex<VecDeque<usize>>);

impl CopyQueue {
    fn of(copies: usize) -> Self {
        Self(Mutex::new((0..copies).collect()))
    }

    fn next(&self) -> Option<usize> {
        self.places().pop_front()
    }

    fn put_back(&self, place: usize) {
        self.places().push_back(place);
    }

    fn places(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session<'_> {
    /// Lands the rows of all copies as events, numbered on from `number` as they come.
    pub(in crate::source) async fn copy_side_by_side(
        &self,
        copies: &[CopyStatement],
        mut number: i64,
        intake: &mut Intake<'_>,
    ) -> Result<()> {
        let queue = CopyQueue::of(copies.len());
        let readers = self.snapshot_readers(copies.len()).await?;
        if !readers.is_empty() {
            let (parts, received) = mpsc::channel(readers.len());
            let mut reads: Vec<BoxFuture<'_, Result<()>>> = Vec::new();
            for reader in &readers {
                let parts = parts.clone();
                reads.push(self.read_copies(reader, copies, &queue, parts).boxed());
            }
            drop(parts);
            let land = self.land_parts(received, copies, &mut number, intake);
            futures::try_join!(try_join_all(reads), land)?;
        }
        // This connection has locked all tables already, so it reads the remaining copies without waiting for a lock.
        while let Some(place) = queue.next() {
            self.copy(&copies[place], Some(&mut number), intake).await?;
        }

        Ok(())
    }

    /// Opens free connections in this one's snapshot; empty if that gives fewer than two readers.
    async fn snapshot_readers(&self, copies: usize) -> Result<Vec<SnapshotReader>> {
        let most = copies.min(MOST_READERS);
        let mut readers = Vec::new();
        if most < 2 {
            return Ok(readers);
        }
        let row = self
            .query_one(statement!("source/export_snapshot.sql"), &[])
            .await?;
        let share = SharedSnapshot {
            snapshot: value(&row, "snapshot")?,
        };
        let share = render("source/share_snapshot.sql", share)?;
        while readers.len() < most {
            let opened = match self.connection.connect_if_free().await {
                Ok(Some(opened)) => opened,
                Ok(None) => break,
                Err(error) => {
                    warn_of_fewer(&error);
                    break;
                }
            };
            let reader = SnapshotReader(opened);
            if let Err(error) = reader.0.client.batch_execute(&share).await {
                warn_of_fewer(&error);
                break;
            }
            readers.push(reader);
        }
        if readers.len() < 2 {
            readers.clear();
        }

        Ok(readers)
    }

    /// Reads copies one after the other until none is left. If another session waits to lock a copy's table, this
    /// leaves the copy to the connection that has locked the table already.
    async fn read_copies(
        &self,
        reader: &SnapshotReader,
        copies: &[CopyStatement],
        queue: &CopyQueue,
        parts: mpsc::Sender<CopyPart>,
    ) -> Result<()> {
        let refused = |cause| self.refused(cause);
        while let Some(place) = queue.next() {
            let stream = match reader.0.client.copy_out(&copies[place].sql).await {
                Err(cause) if cause.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                    queue.put_back(place);
                    return Ok(());
                }
                opened => opened.map_err(refused)?,
            };
            let mut stream = pin!(stream);
            let (mut messages, mut bytes) = (Vec::new(), 0);
            loop {
                let message = stream.try_next().await.map_err(refused)?;
                let is_over = message.is_none();
                bytes += message.as_ref().map_or(0, Bytes::len);
                messages.extend(message);
                if (is_over || bytes >= PART_BYTES) && !messages.is_empty() {
                    bytes = 0;
                    let part = CopyPart::Messages(place, std::mem::take(&mut messages));
                    if parts.send(part).await.is_err() {
                        return Ok(());
                    }
                }
                if is_over {
                    break;
                }
            }
            if parts.send(CopyPart::End(place)).await.is_err() {
                return Ok(());
            }
        }

        Ok(())
    }

    /// Lands what the readers hand on.
    async fn land_parts(
        &self,
        mut parts: mpsc::Receiver<CopyPart>,
        copies: &[CopyStatement],
        number: &mut i64,
        intake: &mut Intake<'_>,
    ) -> Result<()> {
        let lost = |cause| unavailable(self.connection.name, cause);
        let mut decoders: Vec<CopyMessages> = copies.iter().map(CopyMessages::of).collect();
        while let Some(part) = parts.recv().await {
            let (place, messages) = match part {
                CopyPart::Messages(place, messages) => (place, messages),
                CopyPart::End(place) => {
                    decoders[place].check_ended().map_err(lost)?;
                    continue;
                }
            };
            for message in &messages {
                if let Some(mut event) = decoders[place].event(message).map_err(lost)? {
                    *number += 1;
                    event.event_id = Some(*number);
                    intake.push(&event).await?;
                }
            }
        }

        Ok(())
    }
}

/// Logs that the server has no more connections. The open connections read it.
fn warn_of_fewer(error: &dyn std::error::Error) {
    tracing::warn!(%error, cause = causes(error), "tables are read by fewer connections side by side");
}
