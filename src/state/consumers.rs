//! Consumers of row changes that keep their cursor in the service.

use jiff::Timestamp;

use super::Store;
use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use crate::error::Result;
use crate::pipeline::TableId;

/// A consumer, as it is kept.
#[derive(Debug, Clone)]
pub struct Consumer {
    pub name: String,
    pub pipeline: String,
    /// The table or model in its pipeline.
    pub of_name: String,
    pub is_model: bool,
    /// `None` before the first row.
    pub cursor: Option<String>,
    pub created_at: Timestamp,
    /// When the consumer said last how far it is.
    pub moved_at: Option<Timestamp>,
    /// The publications that it has not read to their end.
    pub publications: i64,
    /// When the first of these was made.
    pub waiting_since: Option<Timestamp>,
}

from_row!(Consumer {
    name,
    pipeline,
    of_name,
    is_model,
    cursor,
    created_at,
    moved_at,
    publications,
    waiting_since,
});

/// Which consumers to list.
#[derive(Debug, Default)]
pub struct ConsumerQuery {
    pub pipeline: Option<String>,
    /// Only those that follow something of these pipelines.
    pub pipelines: Option<Vec<String>>,
    /// The table or model in its pipeline.
    pub of_name: Option<String>,
    pub is_model: Option<bool>,
    /// Only consumers after the one with this name.
    pub after: Option<String>,
    pub limit: i64,
    /// Only the consumer with this name.
    pub name: Option<String>,
}

impl ConsumerQuery {
    fn one(name: &str) -> Self {
        Self {
            limit: 1,
            name: Some(name.to_owned()),
            ..Self::default()
        }
    }

    async fn read(&self, state: &impl Queries) -> Result<Vec<Consumer>> {
        let Self {
            pipeline,
            pipelines,
            of_name,
            is_model,
            after,
            limit,
            name,
        } = self;

        state
            .rows(
                sql!(consumers::list_consumers),
                &[pipeline, of_name, is_model, after, limit, name, pipelines],
            )
            .await
    }
}

/// How far a consumer says that it is.
#[derive(Debug)]
pub struct ConsumerMove<'a> {
    pub name: &'a str,
    /// The table or model that it follows.
    pub of: &'a TableId,
    pub is_model: bool,
    /// Its new cursor; without one it stays where it is.
    pub cursor: Option<Option<&'a str>>,
    /// The last publication of which it has every row.
    pub publication: Option<i64>,
    /// Moves it only if it has this cursor, or none.
    pub if_cursor: Option<Option<&'a str>>,
    /// The most consumers of the service.
    pub most: i64,
}

/// Whether a consumer was moved, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    Done,
    /// It follows another table or model.
    FollowsOther,
    /// It has another cursor than `if_cursor`.
    IsElsewhere,
    /// It is not known, and so cannot have `if_cursor`.
    IsUnknown,
    /// It is not known, and there are as many as there may be.
    TooMany,
}

impl Store {
    /// Reads a consumer; `None` if there is none of this name.
    pub async fn consumer(&self, name: &str) -> Result<Option<Consumer>> {
        Ok(ConsumerQuery::one(name).read(self).await?.pop())
    }

    /// Lists consumers, sorted by name.
    pub async fn consumers(&self, which: &ConsumerQuery) -> Result<Vec<Consumer>> {
        which.read(self).await
    }

    /// Adds a consumer, or moves it.
    pub async fn move_consumer(&self, to: &ConsumerMove<'_>) -> Result<Moved> {
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        transaction
            .query(sql!(consumers::lock_consumers), &[])
            .await?;
        let known = ConsumerQuery::one(to.name).read(&transaction).await?.pop();
        // Before its cursor is compared: that of another table is nobody's business.
        let follows = (&to.of.pipeline, &to.of.name, to.is_model);
        if known
            .as_ref()
            .is_some_and(|known| (&known.pipeline, &known.of_name, known.is_model) != follows)
        {
            return Ok(Moved::FollowsOther);
        }
        let cursor = known.as_ref().and_then(|known| known.cursor.as_deref());
        match to.if_cursor {
            Some(Some(_)) if known.is_none() => return Ok(Moved::IsUnknown),
            Some(wanted) if wanted != cursor => return Ok(Moved::IsElsewhere),
            _ => {}
        }
        if known.is_none() {
            let count: i64 = transaction
                .value(sql!(consumers::count_consumers), &[&to.of.pipeline])
                .await?;
            if count >= to.most {
                return Ok(Moved::TooMany);
            }
            transaction
                .execute(
                    sql!(consumers::add_consumer),
                    &[
                        &to.name,
                        &to.of.pipeline,
                        &to.of.name,
                        &to.is_model,
                        &to.cursor.flatten(),
                        &to.publication,
                    ],
                )
                .await?;
            transaction.commit().await?;
            return Ok(Moved::Done);
        }
        let Some(cursor) = to.cursor else {
            return Ok(Moved::Done);
        };
        transaction
            .execute(
                sql!(consumers::move_consumer),
                &[&to.name, &cursor, &to.publication],
            )
            .await?;
        transaction.commit().await?;

        Ok(Moved::Done)
    }

    /// Forgets a consumer. Says whether there was one.
    pub async fn delete_consumer(&self, name: &str) -> Result<bool> {
        let deleted = self
            .execute(sql!(consumers::delete_consumer), &[&name])
            .await?;

        Ok(deleted > 0)
    }
}
