//! What waits behind a cursor, counted no longer than somebody waits for the count.

use std::time::Duration;

use super::{Kind, Opened, Reading};
use crate::error::{Error, Result};
use crate::sql::render;

impl Opened<'_> {
    /// Counts the events that wait behind the cursor, up to `limit` of them and no longer than `within`; of a folder the files.
    pub async fn backlog(&self, reading: &Reading, limit: i64, within: Duration) -> Result<i64> {
        let (session, statement) = match &self.kind {
            Kind::AuditLog(log) => (&log.session, "source/backlog.sql"),
            Kind::PolledTables(tables) => (&tables.session, "source/changed_rows.sql"),
            Kind::Files(_) => {
                return i64::try_from(reading.files.len()).map_err(Error::internal);
            }
        };
        session.limit(within).await?;
        let mut waiting = 0;
        for query in &reading.queries {
            let mut query = query.clone();
            query["limit"] = (limit - waiting).into();
            let row = session
                .client
                .query_one(&render(statement, &query)?, &[])
                .await
                .map_err(|cause| session.refused(cause))?;
            waiting += row.get::<_, i64>(0);
        }

        Ok(waiting)
    }
}
