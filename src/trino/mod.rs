//! The Trino server: it is sent each statement once, and asked for its pages until the last.

mod origin;
mod statement;
mod underway;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prusto::auth::Auth;
use prusto::client::ClientBuilder;
use prusto::{Client, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use origin::Origin;
pub use statement::{Outcome, Part, Progress, Statement};

use crate::config;
use crate::error::{Error, Result};
use crate::sql::{Answer, render};

const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Session properties of every statement. The statements name the smaller side of each join last, so Trino neither reads
/// statistics nor looks for another order; and writers stay where the rows are. A small batch takes a quarter less
/// processor time that way.
const SESSION: [(&str, &str); 4] = [
    ("time_zone_id", "UTC"),
    ("join_reordering_strategy", "NONE"),
    ("enable_stats_calculator", "false"),
    ("redistribute_writes", "false"),
];

const DYNAMIC_FILTER_WAIT: &str = "30s";

/// Makes connections to the one Trino that the settings name.
#[derive(Debug, Clone)]
pub struct Trino {
    settings: config::Trino,
    host: String,
    port: u16,
    secure: bool,
    requests: reqwest::Client,
    /// When a statement last ended well. All copies share it.
    answered: Arc<Mutex<Option<Instant>>>,
}

impl Trino {
    /// Reads the address from the settings; connects to nothing. Fails with [`Error::Settings`] if `trino.url` is no
    /// `http://` or `https://` address, or if a file with a secret cannot be read.
    pub fn new(settings: config::Trino) -> Result<Self> {
        let fault = || {
            Error::Settings("`trino.url` must be an address such as `http://localhost:8080`".into())
        };
        let url = reqwest::Url::parse(&settings.url).map_err(|_| fault())?;
        let secure = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(fault()),
        };
        let host = url.host_str().ok_or_else(fault)?.to_owned();
        let port = url.port_or_known_default().ok_or_else(fault)?;
        // A secret that cannot be read stops the start: without it every statement would be refused later.
        let is_known = settings.auth()?.is_some();
        if is_known && !secure {
            return Err(Error::Settings(
                "`trino.url` begins with `http:`, by which `trino.password` or `trino.jwt` would be sent for everybody to read; write `https:`".into(),
            ));
        }

        Ok(Self {
            settings,
            host,
            port,
            secure,
            requests: reqwest::Client::builder()
                .timeout(REQUEST_TIMEOUT)
                .build()
                .map_err(Error::internal)?,
            answered: Arc::default(),
        })
    }

    #[must_use]
    pub fn catalog(&self) -> &str {
        &self.settings.catalog
    }

    /// Whether a statement of this service ended well within this time.
    pub fn answered_within(&self, time: Duration) -> bool {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);

        answered.is_some_and(|at| at.elapsed() < time)
    }

    fn note_answer(&self) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Renders a statement that only reads, runs it, and gives its rows as structs; see [`Answer::decode`]. `source` names it
    /// in Trino's own lists.
    pub async fn rows<T: DeserializeOwned>(
        &self,
        source: &str,
        statement: &str,
        context: impl Serialize,
    ) -> Result<Vec<T>> {
        let sql = render(statement, context)?;

        self.read(source, &sql).await?.decode(statement)
    }

    /// As [`Trino::rows`], for a statement that always answers one row.
    pub async fn row<T: DeserializeOwned>(
        &self,
        source: &str,
        statement: &str,
        context: impl Serialize,
    ) -> Result<T> {
        let sql = render(statement, context)?;

        self.read(source, &sql).await?.decode_one(statement)
    }

    /// Runs a statement that only reads and gives its rows by position.
    pub async fn query(&self, source: &str, sql: &str) -> Result<Vec<Vec<Value>>> {
        Ok(self.read(source, sql).await?.rows)
    }

    /// Runs a statement that only reads, whatever its columns are.
    pub async fn read(&self, source: &str, sql: &str) -> Result<Answer> {
        self.read_some(source, sql, usize::MAX).await
    }

    /// As [`Trino::read`], but ends the statement when its rows have about so many bytes; then [`Answer::is_cut`].
    pub async fn read_some(&self, source: &str, sql: &str, most_bytes: usize) -> Result<Answer> {
        let client = self.client(source, &[])?;
        let first = client
            .get::<Row>(sql)
            .await
            .map_err(|fault| statement::failure(fault, ""))?;
        let mut asked = Asked {
            trino: self,
            query_id: Some(first.id.clone()),
        };
        let outcome = statement::drive(&client, first, most_bytes, &mut |_| {}).await;
        let is_cut = outcome.as_ref().is_ok_and(|outcome| outcome.answer.is_cut);
        if !is_cut {
            asked.query_id = None;
        }
        let answer = outcome?.answer;
        self.note_answer();

        Ok(answer)
    }

    /// Runs a statement that writes. It is sent once. `remember` records its id and address before its first page is
    /// asked for. `heard` gets its progress.
    ///
    /// A statement that was sent but never asked for does not run (seen on Trino 483). So one whose id was not recorded did
    /// nothing, and one for which `remember` fails does not run.
    pub async fn write<F>(
        &self,
        source: &str,
        statement: Statement<'_>,
        remember: impl FnOnce(String, String) -> F,
        mut heard: impl FnMut(&Progress) + Send,
    ) -> Result<Outcome>
    where
        F: Future<Output = Result<()>>,
    {
        let client = self.client(source, statement.session)?;
        let first = client
            .get::<Row>(statement.sql)
            .await
            .map_err(|fault| statement::failure(fault, ""))?;
        let next = first.next_uri.as_deref().map(reqwest::Url::parse);
        let address = next.and_then(Result::ok).map(|next| next.path().to_owned());
        remember(first.id.clone(), address.unwrap_or_default()).await?;

        let slice = statement.slice;
        let mut outcome =
            statement::drive(&client, first, usize::MAX, &mut |progress: &Progress| {
                heard(&Progress {
                    slice,
                    ..progress.clone()
                });
            })
            .await?;
        self.note_answer();
        outcome.progress.slice = slice;

        Ok(outcome)
    }

    /// Gives up a statement by its address: the path that the answer to its sending named.
    ///
    /// A statement whose pages were never asked for is in none of Trino's lists, and would run once they are. After
    /// this call it does not (seen on Trino 483). If Trino no longer knows the address, there is nothing to give up.
    pub async fn give_up(&self, address: &str) -> Result<()> {
        let away = |fault: reqwest::Error| Error::TrinoUnavailable(fault.into());
        let scheme = if self.secure { "https" } else { "http" };
        let request = self
            .requests
            .delete(format!("{scheme}://{}:{}{address}", self.host, self.port))
            .header("X-Trino-User", &self.settings.user);
        let request = match self.settings.auth()? {
            Some(Auth::Basic(user, password)) => request.basic_auth(user, password),
            Some(Auth::Jwt(token)) => request.bearer_auth(token),
            _ => request,
        };
        let answer = request.send().await.map_err(away)?;
        if matches!(answer.status().as_u16(), 404 | 410) {
            return Ok(());
        }

        answer.error_for_status().map(drop).map_err(away)
    }

    fn client(&self, source: &str, session: &[(&str, &str)]) -> Result<Client> {
        let mut builder = ClientBuilder::new(&self.settings.user, &self.host)
            .port(self.port)
            .secure(self.secure)
            .source(source)
            .catalog(&self.settings.catalog)
            // Counting distinct values takes a quarter of the time of a large write. A team that wants it runs
            // `analyze`.
            .property(
                format!(
                    "{}.collect_extended_statistics_on_write",
                    self.settings.catalog
                ),
                "false",
            )
            // A merge reads its table last: it waits for the keys that it needs, and then reads only those.
            .property(
                format!("{}.dynamic_filtering_wait_timeout", self.settings.catalog),
                DYNAMIC_FILTER_WAIT,
            )
            .client_request_timeout(REQUEST_TIMEOUT)
            .auth_http_insecure(true);
        for (name, value) in SESSION.iter().chain(session) {
            builder = builder.property(*name, *value);
        }
        for (name, value) in &self.settings.session {
            builder = builder.property(name, value);
        }
        if let Some(auth) = self.settings.auth()? {
            builder = builder.auth(auth);
        }

        origin::told(builder)
            .build()
            .map_err(|fault| Error::TrinoUnavailable(fault.into()))
    }
}

/// A statement that only reads. Dropping this while it has an id cancels the statement.
struct Asked<'a> {
    trino: &'a Trino,
    query_id: Option<String>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(query_id) = self.query_id.take() {
            let trino = self.trino.clone();
            tokio::spawn(async move {
                // Otherwise Trino would end the statement only after some minutes.
                if let Ok(client) = trino.client("icefront", &[]) {
                    let _ = client.cancel(&query_id).await;
                }
            });
        }
    }
}
