//! One writer: transactions like an application's, one after the other, in the way of the other writers.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::Work;
use super::database::Session;
use super::transaction::{self, TransactionOutcome, TransactionPlan};
use crate::error::GenerateError;
use crate::progress::locked;

/// How often a transaction is tried that loses against others.
const ATTEMPTS: u32 = 100;

/// Writes transactions until the budget is spent.
pub(super) async fn write(work: &Work, number: u64) -> Result<(), GenerateError> {
    let mut session = work.session().await?;
    let mut random = work.random(number);
    let mut weights = work.arguments.weights;

    while let Some(events) = work.budget.take(transaction::size(&mut random)).await {
        let plan = TransactionPlan::draw(events, &weights, &mut random, &work.ids);
        let outcome = execute(&plan, &mut session, work).await?;
        locked(&work.summary).rolled_back += outcome.rolled_back.events.total();
        weights = work.committed(events, &outcome.committed);
    }
    Ok(())
}

/// Tries a transaction until it wins.
async fn execute(
    plan: &TransactionPlan,
    session: &mut Session,
    work: &Work,
) -> Result<TransactionOutcome, GenerateError> {
    let mut attempts = 1;
    loop {
        match plan.attempt(session).await {
            Ok(outcome) => return Ok(outcome),
            Err(source) if !has_lost(&source) => return Err(GenerateError::Write(source)),
            Err(source) if attempts == ATTEMPTS => {
                return Err(GenerateError::Contended { attempts, source });
            }
            Err(_) => {
                attempts += 1;
                locked(&work.summary).retried += 1;
            }
        }
    }
}

/// Whether a transaction failed only because it lost against another one.
fn has_lost(error: &Error) -> bool {
    let lost = [
        &SqlState::T_R_DEADLOCK_DETECTED,
        &SqlState::T_R_SERIALIZATION_FAILURE,
    ];
    error.code().is_some_and(|code| lost.contains(&code))
}
