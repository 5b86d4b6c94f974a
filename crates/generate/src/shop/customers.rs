//! Made customers, as the columns of one statement.

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::types::ToSql;

use super::write::Parameters;
use crate::calendar::order_moment;
use crate::random::Random;
use crate::words;

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
    /// The row is the first at or above it.
    point: Vec<i64>,
    email: Vec<Option<String>>,
    country: Vec<Option<&'static str>>,
    tags: Vec<Option<String>>,
    profile: Vec<Option<Value>>,
}

impl NewCustomers {
    /// Draws the customers that will be about these numbers.
    pub(super) fn draw(random: &mut Random, numbers: impl Iterator<Item = i64>) -> Self {
        let mut new = Self::default();
        numbers.for_each(|number| new.push(random, number));
        new
    }

    fn push(&mut self, random: &mut Random, number: i64) {
        self.name.push(words::name(random));
        self.email
            .push(random.chance(0.8).then(|| words::email(random)));
        self.country.push(words::country(random));
        self.tags
            .push(random.chance(2.0 / 3.0).then(|| words::tags(random)));
        self.created_at.push(order_moment(random, number * 10));
        self.profile.push(words::profile(random));
    }
}

impl Parameters for NewCustomers {
    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
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
    pub(super) fn draw(random: &mut Random, points: Vec<i64>) -> Self {
        let mut updates = Self::default();
        for _ in &points {
            updates.push(random);
        }
        updates.point = points;
        updates
    }

    fn push(&mut self, random: &mut Random) {
        let changed = random.within(0..20);
        self.email.push((changed < 8).then(|| words::email(random)));
        self.country
            .push((8..11).contains(&changed).then(|| words::country(random)));
        self.tags
            .push((10..15).contains(&changed).then(|| words::tags(random)));
        // The last one in twenty changes nothing.
        self.profile.push(
            (14..19)
                .contains(&changed)
                .then(|| words::profile(random))
                .flatten(),
        );
    }
}

impl Parameters for CustomerUpdates {
    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.point,
            &self.email,
            &self.country,
            &self.tags,
            &self.profile,
        ]
    }
}
