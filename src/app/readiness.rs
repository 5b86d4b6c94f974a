//! Whether the service can take runs: looks in the background find out, so that a probe costs nothing and waits for nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{App, Background};
use crate::error::{Error, Result, causes};

/// Between two looks at the state database.
const EVERY: Duration = Duration::from_secs(1);
/// Between two looks at Trino. A look is a statement, unless another one of this service ended well since the last look.
const TRINO_EVERY: Duration = Duration::from_secs(5);
/// The longest time that a look may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// An older look at the state database says nothing.
const LONGEST_AGE: Duration = Duration::from_secs(10);
/// An older look at Trino says nothing.
const LONGEST_TRINO_AGE: Duration = Duration::from_secs(20);

/// What the last looks found.
#[derive(Debug, Default)]
pub struct Readiness {
    state: Mutex<Option<Look<StateLook>>>,
    trino: Mutex<Option<Look<TrinoLook>>>,
}

#[derive(Debug, Clone)]
struct Look<T> {
    at: Instant,
    found: T,
}

/// What a look at the state database found.
#[derive(Debug, Clone)]
enum StateLook {
    Fits,
    /// It answers, and this program cannot work on it; the text says why.
    Unfit(String),
    /// It does not answer; the text is for the log.
    Away(String),
}

/// What a look at Trino found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrinoLook {
    Answers,
    /// It does not answer, or refuses to.
    Refuses,
    Late,
}

impl Readiness {
    /// Whether the state database can be worked on, as the last look found.
    ///
    /// # Errors
    ///
    /// [`Error::StateUnavailable`], [`Error::SchemaUnfit`].
    pub fn check_state(&self) -> Result<()> {
        let away = |cause: &str| Error::StateUnavailable(cause.into());
        let look = lock(&self.state).clone();
        let look = look.ok_or_else(|| away("nobody has looked at it yet"))?;
        if look.at.elapsed() > LONGEST_AGE {
            return Err(away("the last look at it is too old"));
        }

        match look.found {
            StateLook::Fits => Ok(()),
            StateLook::Unfit(detail) => Err(Error::SchemaUnfit(detail)),
            StateLook::Away(cause) => Err(away(&cause)),
        }
    }

    /// What the last look at Trino found; `None` before the first.
    pub fn trino(&self) -> Option<TrinoLook> {
        let look = lock(&self.trino).clone()?;
        let is_old = look.at.elapsed() > LONGEST_TRINO_AGE;

        Some(if is_old { TrinoLook::Late } else { look.found })
    }
}

impl App {
    /// Starts the looks. They end with what this gives.
    #[must_use]
    pub fn look_at_servers(&self) -> Background {
        let mut looks = Background::default();
        let app = self.clone();
        looks.spawn("look at the state database", move || {
            look_at_state(app.clone())
        });
        let app = self.clone();
        looks.spawn("look at Trino", move || look_at_trino(app.clone()));

        looks
    }
}

async fn look_at_state(app: App) {
    loop {
        let found = match tokio::time::timeout(PATIENCE, app.store.schema()).await {
            Ok(Ok(schema)) if schema.serves() => StateLook::Fits,
            Ok(Ok(schema)) => StateLook::Unfit(schema.misfit().to_string()),
            Ok(Err(Error::SchemaUnfit(detail))) => StateLook::Unfit(detail),
            Ok(Err(error)) => StateLook::Away(causes(&error)),
            Err(_) => StateLook::Away("no answer in time".into()),
        };
        note(&app.readiness.state, found);
        tokio::time::sleep(EVERY).await;
    }
}

async fn look_at_trino(app: App) {
    loop {
        let found = if app.trino.answered_within(TRINO_EVERY) {
            TrinoLook::Answers
        } else {
            ask_trino(&app).await
        };
        note(&app.readiness.trino, found);
        tokio::time::sleep(TRINO_EVERY).await;
    }
}

async fn ask_trino(app: &App) -> TrinoLook {
    let asked = app.trino.query("icefront/readyz", "select 1");
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => TrinoLook::Answers,
        Ok(Err(_)) => TrinoLook::Refuses,
        Err(_) => TrinoLook::Late,
    }
}

fn note<T>(last: &Mutex<Option<Look<T>>>, found: T) {
    *lock(last) = Some(Look {
        at: Instant::now(),
        found,
    });
}

fn lock<T>(look: &Mutex<T>) -> MutexGuard<'_, T> {
    look.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_look_says_nothing() {
        let readiness = Readiness::default();
        assert!(readiness.check_state().is_err(), "nobody looked");
        note(&readiness.state, StateLook::Fits);
        note(&readiness.trino, TrinoLook::Answers);
        readiness.check_state().expect("ready");
        assert_eq!(readiness.trino(), Some(TrinoLook::Answers));

        let age = |age: Duration| Instant::now().checked_sub(age).expect("a time");
        if let Some(look) = lock(&readiness.state).as_mut() {
            look.at = age(LONGEST_AGE + EVERY);
        }
        if let Some(look) = lock(&readiness.trino).as_mut() {
            look.at = age(LONGEST_TRINO_AGE + EVERY);
        }

        let refused = readiness.check_state();
        assert!(
            matches!(refused, Err(Error::StateUnavailable(_))),
            "{refused:?}"
        );
        assert_eq!(readiness.trino(), Some(TrinoLook::Late));
    }
}
