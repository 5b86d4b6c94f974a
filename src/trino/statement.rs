//! A statement and its outcome: its pages are fetched until the last, and its faults are classed.

use std::time::Duration;

use prusto::error::Error as ClientError;
use prusto::models::{QueryError, QueryResult, QueryResultData};
use prusto::{Client, Row};
use serde::{Deserialize, Serialize};
use tracing::Instrument;

use super::underway::Underway;
use crate::error::{Error, Problem, Result, TrinoFailure};
use crate::sql::{Answer, AnswerColumn, bytes_of};
use crate::traces;

const PAGE_ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// A statement that writes.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    pub sql: &'a str,
    /// Session properties of its own: names and values.
    pub session: &'a [(&'a str, &'a str)],
    /// The slice that it works on.
    pub slice: Option<Part>,
}

/// One part of a number of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Part {
    /// Counted from 1.
    pub number: u32,
    /// All parts, as expected by now.
    pub of: u32,
}

impl<'a> From<&'a str> for Statement<'a> {
    fn from(sql: &'a str) -> Self {
        Self {
            sql,
            session: &[],
            slice: None,
        }
    }
}

/// What a statement gave.
#[derive(Debug, Default)]
pub struct Outcome {
    pub query_id: String,
    pub answer: Answer,
    /// The rows that a writing statement acted on.
    pub update_count: Option<u64>,
    /// What it cost.
    pub progress: Progress,
}

/// What a statement has cost so far, by Trino's own count.
#[derive(Debug, Default, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Progress {
    /// Trino's state of the statement, such as `RUNNING`.
    pub trino_state: String,
    /// Processor time over all nodes, in milliseconds.
    pub cpu_ms: u64,
    /// Time since it was sent, in milliseconds.
    pub elapsed_ms: u64,
    /// Rows read.
    pub processed_rows: u64,
    /// Bytes read.
    pub processed_bytes: u64,
    /// The most memory it held, in bytes.
    pub peak_memory_bytes: u64,
    /// How much of its splits is done, from 0 to 100; `null` before they are known. More splits may turn up, so it may go back.
    #[serde(default)]
    pub percent: Option<u32>,
    /// The slice of the table that it works on, where the table is too large for one statement.
    #[serde(default)]
    pub slice: Option<Part>,
}

fn percent(done: u32, all: u32) -> Option<u32> {
    (done * 100).checked_div(all)
}

/// Follows a statement to its last page, or until its rows have about `most_bytes`. Fetching a page again is harmless, so a
/// lost answer is asked for again.
pub(super) async fn drive(
    client: &Client,
    first: QueryResult<Row>,
    most_bytes: usize,
    heard: &mut (dyn FnMut(&Progress) + Send),
) -> Result<Outcome> {
    let span = tracing::error_span!(
        "statement",
        query_id = first.id,
        otel.kind = "client",
        db.system.name = "trino"
    );
    // Boxed, because every step holds one.
    let followed = Box::pin(follow(client, first, most_bytes, heard));
    let outcome = followed.instrument(span.clone()).await;

    outcome.inspect_err(|error| traces::tell_failure(&span, Problem::from(error).slug()))
}

async fn follow(
    client: &Client,
    first: QueryResult<Row>,
    most_bytes: usize,
    heard: &mut (dyn FnMut(&Progress) + Send),
) -> Result<Outcome> {
    let mut outcome = Outcome {
        query_id: first.id.clone(),
        ..Outcome::default()
    };
    let mut underway = Underway::sent();
    let mut page = first;
    let mut bytes: usize = 0;
    loop {
        if let Some(error) = page.error {
            return Err(Error::Trino(Box::new(refusal(error, outcome.query_id))));
        }
        if let Some(columns) = page.columns {
            outcome.answer.columns = columns
                .into_iter()
                .map(|column| AnswerColumn {
                    name: column.name,
                    data_type: column.ty,
                })
                .collect();
        }
        if let Some(QueryResultData::Direct(rows)) = page.data {
            let rows = rows.into_iter().map(Row::into_json);
            for row in rows {
                bytes = bytes.saturating_add(bytes_of(&row));
                outcome.answer.rows.push(row);
            }
        }
        outcome.update_count = page.update_count.or(outcome.update_count);
        underway.is(&page.stats.state);
        outcome.progress = Progress {
            trino_state: page.stats.state,
            cpu_ms: page.stats.cpu_time_millis,
            elapsed_ms: page.stats.elapsed_time_millis,
            processed_rows: page.stats.processed_rows,
            processed_bytes: page.stats.processed_bytes,
            peak_memory_bytes: page.stats.peak_memory_bytes,
            percent: percent(page.stats.completed_splits, page.stats.total_splits),
            slice: None,
        };
        heard(&outcome.progress);
        let Some(next) = page.next_uri else {
            return Ok(outcome);
        };
        if bytes >= most_bytes {
            outcome.answer.is_cut = true;
            return Ok(outcome);
        }
        page = next_page(client, &next, &outcome.query_id).await?;
    }
}

async fn next_page(client: &Client, uri: &str, query_id: &str) -> Result<QueryResult<Row>> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..PAGE_ATTEMPTS {
        match client.get_next(uri).await {
            Err(fault) if passing(&fault) => tokio::time::sleep(pause).await,
            answer => return answer.map_err(|fault| failure(fault, query_id)),
        }
        pause *= 2;
    }

    client
        .get_next(uri)
        .await
        .map_err(|fault| failure(fault, query_id))
}

fn passing(fault: &ClientError) -> bool {
    match fault {
        ClientError::HttpError(_) => true,
        ClientError::HttpNotOk(status, _) => status.is_server_error(),
        _ => false,
    }
}

/// Whether the server is away, or refused.
pub(super) fn failure(fault: ClientError, query_id: &str) -> Error {
    match fault {
        ClientError::Query(error) => Error::Trino(Box::new(refusal(*error, query_id.to_owned()))),
        ClientError::Forbidden { message } => Error::Trino(Box::new(TrinoFailure {
            name: "PERMISSION_DENIED".into(),
            class: "USER_ERROR".into(),
            message,
            query_id: query_id.to_owned(),
            line: None,
        })),
        other => Error::TrinoUnavailable(other.into()),
    }
}

fn refusal(error: QueryError, query_id: String) -> TrinoFailure {
    TrinoFailure {
        name: error.error_name,
        class: error.error_type,
        message: error.message,
        query_id,
        line: error.error_location.map(|place| place.line_number),
    }
}
