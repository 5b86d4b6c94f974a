//! One reading of a drop folder: lists the new files, reads some of them ahead, and lands them in their order.
//!
//! A file lands completely or not at all.

use futures::{FutureExt, Stream, StreamExt};
use jiff::Timestamp;
use serde_json::Value;

use super::dropped_file::DroppedFile;
use super::file_fault::FileFault;
use super::folder::{DropFolder, ListedPart};
use super::known_columns::KnownColumns;
use super::store_answers::StoreAnswers;
use super::whole_file::WholeFile;
use crate::error::{Error, Result};
use crate::source::intake::Intake;
use crate::source::reading::{Purpose, Reading};
use crate::state::FileState;

/// The most files that are open at once.
const MAX_OPEN_FILES: usize = 8;
/// The most characters of a reason.
const LONGEST_REASON: usize = 1_000;

/// A taken file, and whether it could be read to its end.
struct ReadFile<'a> {
    dropped: &'a DroppedFile,
    read: Result<WholeFile, FileFault>,
}

impl DropFolder<'_> {
    /// Lists the folder and takes the new files. Files that wait hold back what the reading covers.
    pub(super) async fn begin_reading(
        &mut self,
        last: Option<&Value>,
        covered_before: Option<Timestamp>,
        purpose: Purpose,
    ) -> Result<Reading> {
        let now = Timestamp::now();
        let found = self.new_files(last, now, purpose).await?;
        // The epoch stands for a folder whose first round goes on.
        let covered = found.covers.unwrap_or(Timestamp::UNIX_EPOCH);
        // Files that are not taken now are listed again by the next reading.
        let is_partial = found.taken.is_cut;
        self.taken = found.taken.files.into_iter().collect();
        self.part = Some(ListedPart {
            began_after: found.began_after,
            goes_on: purpose.goes_on(),
            ended_round: found.covers.is_some(),
            after: if is_partial {
                found.before.clone()
            } else {
                found.after
            },
            before: found.before,
        });

        Ok(Reading {
            position: self.position_after_reading()?,
            read_at: now,
            covered_until: covered_before.map_or(covered, |before| before.max(covered)),
            blocked_by: None,
            deleted_at: now,
            is_partial,
            has_backfills: false,
            compared: Vec::new(),
        })
    }

    /// Reads every row of the taken files. An unreadable file is noted and stops no other.
    pub(super) async fn read_taken(&self, first_event: i64, intake: &mut Intake<'_>) -> Result<()> {
        let mut last_event = first_event;
        let mut known = self.known_columns().await?;
        let mut answers = StoreAnswers::default();
        let mut files = std::pin::pin!(self.read_ahead());
        while let Some(ReadFile { dropped, read }) = files.next().await {
            match read.and_then(|whole| self.check_columns(whole, dropped, &known)) {
                Ok(whole) => {
                    self.land(dropped, &whole, &mut last_event, intake).await?;
                    known.add(&dropped.table, &whole.columns);
                    self.note_landed(dropped, &whole)?;
                    answers.note_answer();
                }
                Err(fault) => self.note_fault(dropped, fault, &mut answers)?,
            }
            if answers.is_away() {
                self.outcome()?.is_interrupted = true;
                break;
            }
        }

        answers.into_result()
    }

    /// Reads the taken files to their ends, some of them side by side; gives them in their order.
    fn read_ahead(&self) -> impl Stream<Item = ReadFile<'_>> {
        futures::stream::iter(&self.taken)
            .map(move |dropped| {
                async move {
                    let read = self.read_whole(dropped).await;
                    ReadFile { dropped, read }
                }
                .boxed()
            })
            .buffered(MAX_OPEN_FILES)
    }

    /// Refuses a file whose columns do not fit its table.
    fn check_columns(
        &self,
        whole: WholeFile,
        dropped: &DroppedFile,
        known: &KnownColumns,
    ) -> Result<WholeFile, FileFault> {
        if let Some(table) = self.tables.get(&dropped.table) {
            whole
                .columns
                .check(table, known.of(&dropped.table))
                .map_err(FileFault::Unreadable)?;
        }

        Ok(whole)
    }

    fn note_landed(&self, dropped: &DroppedFile, whole: &WholeFile) -> Result<()> {
        let rows = i64::try_from(whole.rows.count).map_err(Error::internal)?;
        let mut outcome = self.outcome()?;
        outcome.note_columns(&dropped.table, &whole.columns);
        outcome
            .files
            .push(dropped.landed(rows, &self.definition_fingerprint));

        Ok(())
    }

    fn note_fault(
        &self,
        dropped: &DroppedFile,
        fault: FileFault,
        answers: &mut StoreAnswers,
    ) -> Result<()> {
        let mut outcome = self.outcome()?;
        outcome.note_unread(dropped);
        match fault {
            // A file that the store does not give stops no other. The next run asks for it again.
            FileFault::Unavailable { error, is_silent } => {
                tracing::warn!(pipeline = self.pipeline, path = dropped.path, %error, "a file cannot be read now");
                answers.note_fault(error, is_silent);
            }
            // The ledger says so already.
            FileFault::Forbidden if dropped.was_forbidden => answers.note_answer(),
            FileFault::Forbidden => {
                let reason = "the service may not read it; once it may, it is read".into();
                // No definition has read it, so the next run retries it.
                outcome
                    .files
                    .push(dropped.not_landed(FileState::Unreadable, reason, ""));
                answers.note_answer();
            }
            FileFault::Unreadable(reason) => {
                let refusal = dropped.refusal.as_ref();
                let state = refusal.map_or(FileState::Unreadable, |refusal| refusal.state);
                let reason = storable(&reason);
                outcome
                    .files
                    .push(dropped.not_landed(state, reason, &self.definition_fingerprint));
                answers.note_answer();
            }
        }

        Ok(())
    }
}

/// A reason that the database can store: it may quote bytes that are no text.
fn storable(reason: &str) -> String {
    let shown = reason.chars().take(LONGEST_REASON);

    shown
        .map(|sign| if sign.is_control() { '\u{fffd}' } else { sign })
        .collect()
}
