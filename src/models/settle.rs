//! What a refresh left whose end was not seen: settled before the next one writes.

use super::refresh::{Refresh, rows_after};
use crate::error::Result;
use crate::publish::Committed;

impl Refresh<'_> {
    /// Finds out what an earlier refresh published whose end was not seen.
    pub(super) async fn settle(&mut self) -> Result<()> {
        let publisher = self.model.publisher;
        let lost = publisher.resolve_unrecorded(&self.table).await?;
        let committed: Vec<Committed> = lost.published.into_iter().chain(lost.repaired).collect();
        match (self.state.sent.take(), committed.last()) {
            (Some(sent), Some(newest)) => {
                let rows = match sent.changed {
                    Some(changed) => rows_after(self.state.rows, changed),
                    None => Some(newest.added),
                };
                self.record(sent, newest.snapshot.clone(), rows, &committed)
                    .await?;
                self.state = publisher.store.model(&self.id).await?;
            }
            // A first build may have its name already. The note stays until it is recorded.
            (Some(sent), None) if self.state.made_of.is_none() => self.state.sent = Some(sent),
            (Some(_), None) => {
                let newest = publisher.last_commit(&self.table).await?;
                let is_known = newest.is_some_and(|newest| newest.snapshot == self.state.snapshot);
                if is_known {
                    publisher.store.forget_sent(&self.id).await?;
                } else {
                    publisher.store.forget_reading(&self.id).await?;
                    self.state = publisher.store.model(&self.id).await?;
                }
            }
            (None, None) => {}
            (None, Some(_)) => {
                publisher.store.forget_reading(&self.id).await?;
                for one in &committed {
                    publisher.record(one).await?;
                }
                self.state = publisher.store.model(&self.id).await?;
            }
        }

        Ok(())
    }
}
