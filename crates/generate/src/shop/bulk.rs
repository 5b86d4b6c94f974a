//! `--bulk`: millions of events soon, by statements of about ten thousand rows, through the same triggers.

use super::Work;
use super::database::Session;
use super::write::{Write, WriteOutcome};
use super::write_kind::WriteKind;
use crate::error::GenerateError;
use crate::random::Random;
use crate::weights::Weights;

/// The events of one round: a statement of each kind, so that the largest, the inserts of orders, has about ten thousand rows.
const ROUND: u64 = 15_000;

/// Writes rounds until the budget is spent; each statement is a transaction. One writer, so that a seed decides everything.
pub(super) async fn write(work: &Work) -> Result<(), GenerateError> {
    let session = work.session().await?;
    let mut random = work.random(0);
    let mut weights = work.arguments.weights;

    while let Some(events) = work.budget.take(ROUND).await {
        let outcome = round(work, &session, events, &weights, &mut random).await?;
        weights = work.committed(events, &outcome);
    }
    Ok(())
}

/// Writes at most `events` events; fewer if two look-ups of one statement find the same row.
async fn round(
    work: &Work,
    session: &Session,
    events: u64,
    weights: &Weights,
    random: &mut Random,
) -> Result<WriteOutcome, GenerateError> {
    let mut outcome = WriteOutcome::default();
    for (kind, rows) in WriteKind::ALL
        .into_iter()
        .zip(shares(events, weights, random))
    {
        if rows == 0 {
            continue;
        }
        let write = Write::draw(kind, rows, random, &work.ids);
        let written = write
            .send(&session.client, &session.statements)
            .await
            .map_err(GenerateError::Write)?;
        work.ids.saw(&written);
        outcome += written;
    }
    Ok(outcome)
}

/// Draws how many rows of each kind make `events` events.
fn shares(events: u64, weights: &Weights, random: &mut Random) -> [usize; WriteKind::ALL.len()] {
    let mut rows = [0; WriteKind::ALL.len()];
    let mut left = events;
    while left > 0 {
        let mut kind = WriteKind::draw(weights, random);
        if kind.events_per_row() > left {
            kind = WriteKind::UpdateOrders;
        }
        rows[kind as usize] += 1;
        left -= kind.events_per_row();
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_a_round_make_exactly_its_events() {
        let mut random = Random::new(1, false);
        for events in [1, 2, 3, 100, ROUND] {
            let rows = shares(events, &Weights::DEFAULT, &mut random);
            let made: u64 = WriteKind::ALL
                .into_iter()
                .zip(rows)
                .map(|(kind, rows)| kind.events_per_row() * rows as u64)
                .sum();
            assert_eq!(made, events);
        }
    }
}
