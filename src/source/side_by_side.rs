//! Tables of one server, read side by side in one snapshot that several connections share.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Mutex;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::{BoxFuture, FutureExt, try_join_all};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_postgres::error::SqlState;

use super::connection_task::ConnectionTask;
use super::copied::Messages;
use super::polled_tables::PolledTables;
use super::row::Copy;
use super::server::unavailable;
use super::tally::Tally;
use crate::error::{Result, causes};
use crate::landing::Writer;
use crate::postgres::Client;
use crate::sql::render;
use crate::state::statement;

/// So many connections at most, where the settings and other readers leave them free.
const MOST: usize = 4;
/// Rows are handed on in parts of so many bytes: a switch between tasks for each would cost more than the row.
const PART: usize = 256 << 10;

/// A connection that reads in the snapshot of another.
struct Peer {
    client: Client,
    work: ConnectionTask,
}

impl Drop for Peer {
    /// Nobody wants what is left of its rows, which would else be sent to their end.
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// Messages of one copy, by its place among all; without any at its end.
type Part = (usize, Vec<Bytes>);

/// The copies that nobody reads yet, by their places.
type Queue = Mutex<VecDeque<usize>>;

impl PolledTables<'_> {
    /// Lands the rows of all copies as events, numbered on from `number` as they come.
    pub(super) async fn copy_all(
        &self,
        copies: &[Copy],
        mut number: i64,
        (tally, writer): (&mut Tally, &mut Writer<'_>),
    ) -> Result<()> {
        let queue: Queue = Mutex::new((0..copies.len()).collect());
        let peers = self.peers(copies.len().min(MOST)).await?;
        if !peers.is_empty() {
            let (parts, taken) = mpsc::channel(peers.len());
            let mut readers: Vec<BoxFuture<'_, Result<()>>> = Vec::new();
            for peer in &peers {
                let parts = parts.clone();
                readers.push(self.feed(peer, copies, &queue, parts).boxed());
            }
            drop(parts);
            let take = self.take(taken, copies, &mut number, (&mut *tally, &mut *writer));
            futures::try_join!(try_join_all(readers), take)?;
        }
        // What is left is read by the connection that has all tables locked already, so it waits for nobody.
        while let Some(at) = next(&queue) {
            self.session
                .copy(&copies[at], Some(&mut number), (&mut *tally, &mut *writer))
                .await?;
        }

        Ok(())
    }

    /// More connections in this one's snapshot, as far as any are free; none where one does as well.
    async fn peers(&self, most: usize) -> Result<Vec<Peer>> {
        let mut peers = Vec::new();
        if most < 2 {
            return Ok(peers);
        }
        let client = &self.session.client;
        let row = client
            .query_one(statement!("source/export_snapshot.sql"), &[])
            .await
            .map_err(|cause| self.session.refused(cause))?;
        let snapshot: String = row.get(0);
        let share = render("source/share_snapshot.sql", json!({"snapshot": snapshot}))?;
        let (connections, pipeline) = self.connections;
        while peers.len() < most {
            let connected = connections
                .connect_if_free(self.session.name, pipeline)
                .await;
            let Some((client, work)) = connected.unwrap_or_else(|error| {
                fewer(&error);
                None
            }) else {
                break;
            };
            let peer = Peer { client, work };
            if let Err(error) = peer.client.batch_execute(&share).await {
                fewer(&error);
                break;
            }
            peers.push(peer);
        }
        if peers.len() < 2 {
            peers.clear();
        }

        Ok(peers)
    }

    /// Reads copies one after the other by a connection of its own until none is left. One whose table somebody waits to lock is left to
    /// the connection that has it.
    async fn feed(
        &self,
        peer: &Peer,
        copies: &[Copy],
        queue: &Queue,
        parts: mpsc::Sender<Part>,
    ) -> Result<()> {
        let refused = |cause| self.session.refused(cause);
        while let Some(at) = next(queue) {
            let stream = match peer.client.copy_out(&copies[at].sql).await {
                Err(cause) if cause.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                    leave(queue, at);
                    return Ok(());
                }
                opened => opened.map_err(refused)?,
            };
            let mut stream = pin!(stream);
            let (mut part, mut bytes) = (Vec::new(), 0);
            loop {
                let message = stream.try_next().await.map_err(refused)?;
                let is_over = message.is_none();
                bytes += message.as_ref().map_or(0, Bytes::len);
                part.extend(message);
                if (is_over || bytes >= PART) && !part.is_empty() {
                    bytes = 0;
                    if parts.send((at, std::mem::take(&mut part))).await.is_err() {
                        return Ok(());
                    }
                }
                if is_over {
                    break;
                }
            }
            if parts.send((at, Vec::new())).await.is_err() {
                return Ok(());
            }
        }

        Ok(())
    }

    /// Lands what the readers hand on.
    async fn take(
        &self,
        mut parts: mpsc::Receiver<Part>,
        copies: &[Copy],
        number: &mut i64,
        (tally, writer): (&mut Tally, &mut Writer<'_>),
    ) -> Result<()> {
        let lost = |cause| unavailable(self.session.name, cause);
        let mut messages: Vec<Messages> = copies.iter().map(Messages::of).collect();
        while let Some((at, part)) = parts.recv().await {
            if part.is_empty() {
                messages[at].check_ended().map_err(lost)?;
            }
            for message in &part {
                if let Some(mut event) = messages[at].event(message).map_err(lost)? {
                    *number += 1;
                    event.event_id = Some(*number);
                    tally.count(&event);
                    writer.push(&event).await?;
                }
            }
        }

        Ok(())
    }
}

/// A server that has no more connections to give is read by those that there are.
fn fewer(error: &dyn std::error::Error) {
    tracing::warn!(%error, cause = causes(error), "tables are read by fewer connections side by side");
}

fn next(queue: &Queue) -> Option<usize> {
    locked(queue).pop_front()
}

fn leave(queue: &Queue, at: usize) {
    locked(queue).push_back(at);
}

fn locked(queue: &Queue) -> std::sync::MutexGuard<'_, VecDeque<usize>> {
    queue
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
