//! One writer: transactions like an application's, one after the other, in the way of the other writers.

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::sleep;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, Statement};

use super::Work;
use super::change::Done;
use super::error::GenerateError;
use super::plan::{self, Plan, Savepoint, Step};
use super::workload::Weights;

/// How often a transaction is tried that loses against others.
const ATTEMPTS: u32 = 100;

/// What one transaction did.
#[derive(Default)]
struct Outcome {
    committed: Done,
    rolled_back: Done,
}

/// Writes transactions until the budget is spent. The number of the writer tells its random numbers from the others'.
pub(super) async fn write(work: &Work, number: u64) -> Result<(), GenerateError> {
    let (mut client, statements) = work.connect().await?;
    let mut rng = StdRng::seed_from_u64(work.seed ^ number.rotate_right(16));
    let mut weights = work.weights;

    while let Some(events) = work.budget.take(plan::size(&mut rng)).await {
        let plan = Plan::make(events, &weights, &mut rng, &work.shop);
        let outcome = run(&mut client, &statements, &plan, work).await?;
        let written = outcome.committed.events();

        work.budget.give_back(events - written);
        work.shop.saw(&outcome.committed);
        work.progress
            .add(&outcome.committed, outcome.rolled_back.events());
        // There may be no row to update or delete; inserts make some.
        weights = if written == 0 {
            Weights::INSERTS
        } else {
            work.weights
        };
    }
    Ok(())
}

/// Runs a transaction until it wins.
async fn run(
    client: &mut Client,
    statements: &[Statement],
    plan: &Plan,
    work: &Work,
) -> Result<Outcome, GenerateError> {
    let mut attempts = 1;
    loop {
        match attempt(client, statements, plan).await {
            Ok(outcome) => return Ok(outcome),
            Err(source) if !lost(&source) => return Err(GenerateError::Write(source)),
            Err(source) if attempts == ATTEMPTS => {
                return Err(GenerateError::Contended { attempts, source });
            }
            Err(_) => {
                attempts += 1;
                work.progress.retried();
            }
        }
    }
}

/// Whether the transaction only lost against another one.
fn lost(error: &Error) -> bool {
    error.code().is_some_and(|code| {
        [
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
        ]
        .contains(code)
    })
}

async fn attempt(
    client: &mut Client,
    statements: &[Statement],
    plan: &Plan,
) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let mut transaction = client
        .build_transaction()
        .isolation_level(plan.isolation)
        .start()
        .await?;
    for Step {
        pause,
        savepoint,
        change,
    } in &plan.steps
    {
        if let Some(pause) = pause {
            sleep(*pause).await;
        }
        match savepoint {
            Savepoint::None => outcome.committed += change.apply(&transaction, statements).await?,
            Savepoint::Released => {
                let inner = transaction.savepoint("kept").await?;
                outcome.committed += change.apply(&inner, statements).await?;
                inner.commit().await?;
            }
            Savepoint::RolledBack => {
                let inner = transaction.savepoint("dropped").await?;
                outcome.rolled_back += change.apply(&inner, statements).await?;
                inner.rollback().await?;
            }
        }
    }
    if plan.commits {
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
        outcome.rolled_back += std::mem::take(&mut outcome.committed);
    }
    Ok(outcome)
}
