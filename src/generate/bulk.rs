//! `--bulk`: millions of events soon, by statements of about ten thousand rows, through the same triggers.

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio_postgres::{Client, Statement};

use super::Work;
use super::change::{Change, Done};
use super::error::GenerateError;
use super::workload::{Kind, Weights};

/// The events of one round: a statement of each kind, so that the largest, the inserts of orders, has about ten thousand rows.
const ROUND: u64 = 15_000;

/// Writes rounds until the budget is spent; each statement is a transaction. One writer, so that a seed decides everything.
pub(super) async fn write(work: &Work) -> Result<(), GenerateError> {
    let (client, statements) = work.connect().await?;
    let mut rng = StdRng::seed_from_u64(work.seed);
    let mut weights = work.weights;

    while let Some(events) = work.budget.take(ROUND).await {
        let written = round(work, &client, &statements, events, &weights, &mut rng).await?;
        work.budget.give_back(events - written);
        // There may be no row to update or delete; inserts make some.
        weights = if written == 0 {
            Weights::INSERTS
        } else {
            work.weights
        };
    }
    Ok(())
}

/// Writes at most so many events, and tells how many it were: two look-ups of one statement may find the same row.
async fn round(
    work: &Work,
    client: &Client,
    statements: &[Statement],
    events: u64,
    weights: &Weights,
    rng: &mut StdRng,
) -> Result<u64, GenerateError> {
    let mut written = 0;
    for (kind, rows) in Kind::ALL.into_iter().zip(shares(events, weights, rng)) {
        if rows == 0 {
            continue;
        }
        let change = Change::make(kind, rows, rng, &work.shop);
        let done: Done = change
            .apply(client, statements)
            .await
            .map_err(GenerateError::Write)?;
        work.shop.saw(&done);
        work.progress.add(&done, 0);
        written += done.events();
    }
    Ok(written)
}

/// Draws how many rows of each kind make so many events.
fn shares(events: u64, weights: &Weights, rng: &mut StdRng) -> [usize; Kind::ALL.len()] {
    let mut rows = [0; Kind::ALL.len()];
    let mut left = events;
    while left > 0 {
        let mut kind = weights.draw(rng);
        if kind.events_per_row() > left {
            kind = Kind::UpdateOrders;
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
        let mut rng = StdRng::seed_from_u64(1);
        for events in [1, 2, 3, 100, ROUND] {
            let rows = shares(events, &Weights::DEFAULT, &mut rng);
            let made: u64 = Kind::ALL
                .into_iter()
                .zip(rows)
                .map(|(kind, rows)| kind.events_per_row() * rows as u64)
                .sum();
            assert_eq!(made, events);
        }
    }
}
