//! Rows read by `copy … (format binary)` and landed as events.

use std::pin::pin;

use futures::TryStreamExt;
use serde::Serialize;

use super::copy_messages::CopyMessages;
use super::copy_statement::CopyStatement;
use super::fault::unavailable;
use super::session::Session;
use crate::error::Result;
use crate::source::intake::Intake;
use crate::sql::render;

/// The context of `source/read_keys.sql`.
#[derive(Serialize)]
pub(in crate::source) struct KeysQuery<'a> {
    pub(in crate::source) table: [&'a str; 2],
    pub(in crate::source) schema: &'a str,
    pub(in crate::source) name: &'a str,
    pub(in crate::source) key: &'a [String],
    /// Whether no two rows have the same key.
    pub(in crate::source) is_unique: bool,
    pub(in crate::source) filter: Option<&'a str>,
}

impl KeysQuery<'_> {
    /// The statement that reads the keys.
    pub(in crate::source) fn sql(&self) -> Result<String> {
        render("source/read_keys.sql", self)
    }
}

impl Session<'_> {
    /// Lands the rows of a `copy … (format binary)` as events; numbers them on from `number`, if it is given.
    pub(in crate::source) async fn copy(
        &self,
        copy: &CopyStatement,
        mut number: Option<&mut i64>,
        intake: &mut Intake<'_>,
    ) -> Result<()> {
        let lost = |cause| unavailable(self.connection.name, cause);
        let refused = |cause| self.refused(cause);
        let copied = async {
            let mut stream = pin!(self.client().copy_out(&copy.sql).await.map_err(refused)?);
            let mut messages = CopyMessages::of(copy);
            while let Some(message) = stream.try_next().await.map_err(refused)? {
                if let Some(mut event) = messages.event(&message).map_err(lost)? {
                    if let Some(number) = number.as_deref_mut() {
                        *number += 1;
                        event.event_id = Some(*number);
                    }
                    intake.push(&event).await?;
                }
            }
            messages.check_ended().map_err(lost)
        };

        self.opened.task.drive(copied).await
    }

    /// Reads all keys of a table.
    pub(in crate::source) async fn copy_keys(
        &self,
        query: &KeysQuery<'_>,
        intake: &mut Intake<'_>,
    ) -> Result<()> {
        let copy = CopyStatement::of_json(query.sql()?);

        self.copy(&copy, None, intake).await
    }
}
