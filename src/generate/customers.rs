//! Made customers, as the columns of one statement.

use jiff::Timestamp;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio_postgres::types::ToSql;

use super::orders::moment;
use super::words;

/// The values of `insert_customers.sql`, a list for each of its parameters.
#[derive(Default)]
pub(super) struct NewCustomers {
    name: Vec<String>,
    email: Vec<Option<String>>,
    country: Vec<&'static str>,
    tags: Vec<Option<String>>,
    created_at: Vec<Timestamp>,
    profile: Vec<Option<Value>>,
}

/// The values of `update_customers.sql`; `None` keeps what is there.
#[derive(Default)]
pub(super) struct CustomerUpdates {
    /// At or above which the row is.
    pub(super) point: Vec<i64>,
    email: Vec<Option<String>>,
    country: Vec<Option<&'static str>>,
    tags: Vec<Option<String>>,
    profile: Vec<Option<Value>>,
}

impl NewCustomers {
    /// Adds the customer that will be about the `number`th.
    pub(super) fn push(&mut self, rng: &mut StdRng, number: i64) {
        self.name.push(words::name(rng));
        self.email
            .push(rng.random_ratio(4, 5).then(|| words::email(rng)));
        self.country.push(words::country(rng));
        self.tags
            .push(rng.random_ratio(2, 3).then(|| words::tags(rng)));
        self.created_at.push(moment(rng, number * 10));
        self.profile.push(words::profile(rng));
    }

    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.name,
            &self.email,
            &self.country,
            &self.tags,
            &self.created_at,
            &self.profile,
        ]
    }
}

impl CustomerUpdates {
    /// Adds an update of the first customer at or above a point.
    pub(super) fn push(&mut self, rng: &mut StdRng, point: i64) {
        let changed = rng.random_range(0..20);
        self.point.push(point);
        self.email.push((changed < 8).then(|| words::email(rng)));
        self.country
            .push((8..11).contains(&changed).then(|| words::country(rng)));
        self.tags
            .push((10..15).contains(&changed).then(|| words::tags(rng)));
        // The last one in twenty changes nothing.
        self.profile.push(
            (14..19)
                .contains(&changed)
                .then(|| words::profile(rng))
                .flatten(),
        );
    }

    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.point,
            &self.email,
            &self.country,
            &self.tags,
            &self.profile,
        ]
    }
}
