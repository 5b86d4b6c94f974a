//! What is written, and how often: the kinds of change and their shares.

use std::fmt;
use std::str::FromStr;

use rand::RngExt;
use rand::rngs::StdRng;

/// One customer for this many orders.
const ORDERS_PER_CUSTOMER: f64 = 10.0;
/// The share of an order's updates that give it a new key.
const REKEYED: f64 = 0.02;

/// The shares of inserts, updates and deletes, typed as `0.70/0.25/0.05`. They need not add up to one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Inserts.
    pub insert: f64,
    /// Updates.
    pub update: f64,
    /// Deletes.
    pub delete: f64,
}

/// What happens to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Insert,
    Update,
    Delete,
}

/// One kind of statement; the numbers index the prepared statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    InsertCustomers,
    UpdateCustomers,
    DeleteCustomers,
    InsertOrders,
    UpdateOrders,
    DeleteOrders,
    RekeyOrders,
}

impl Kind {
    /// All kinds, in the order of their numbers; customers come before the orders that name them.
    pub(super) const ALL: [Self; 7] = [
        Self::InsertCustomers,
        Self::UpdateCustomers,
        Self::DeleteCustomers,
        Self::InsertOrders,
        Self::UpdateOrders,
        Self::DeleteOrders,
        Self::RekeyOrders,
    ];

    /// Whether it writes orders, not customers.
    pub(super) fn is_of_orders(self) -> bool {
        !matches!(
            self,
            Self::InsertCustomers | Self::UpdateCustomers | Self::DeleteCustomers
        )
    }

    /// How many events one row of it makes: a changed key is a delete and an insert.
    pub(super) fn events_per_row(self) -> u64 {
        if self == Self::RekeyOrders { 2 } else { 1 }
    }
}

impl Weights {
    /// What is usual in a shop.
    pub const DEFAULT: Self = Self {
        insert: 0.70,
        update: 0.25,
        delete: 0.05,
    };
    /// Nothing but inserts: where there is nothing to update or delete.
    pub(super) const INSERTS: Self = Self {
        insert: 1.0,
        update: 0.0,
        delete: 0.0,
    };

    /// Draws a kind of change.
    pub(super) fn draw(&self, rng: &mut StdRng) -> Kind {
        let customer = rng.random_bool(1.0 / (1.0 + ORDERS_PER_CUSTOMER));
        let operation = self.operation(rng);
        let rekeyed = rng.random_bool(REKEYED);
        match (customer, operation) {
            (true, Operation::Insert) => Kind::InsertCustomers,
            (true, Operation::Update) => Kind::UpdateCustomers,
            (true, Operation::Delete) => Kind::DeleteCustomers,
            (false, Operation::Insert) => Kind::InsertOrders,
            (false, Operation::Update) if rekeyed => Kind::RekeyOrders,
            (false, Operation::Update) => Kind::UpdateOrders,
            (false, Operation::Delete) => Kind::DeleteOrders,
        }
    }

    /// Draws what happens to a row.
    pub(super) fn operation(&self, rng: &mut StdRng) -> Operation {
        let drawn = rng.random_range(0.0..self.insert + self.update + self.delete);
        if drawn < self.insert {
            Operation::Insert
        } else if drawn < self.insert + self.update {
            Operation::Update
        } else {
            Operation::Delete
        }
    }
}

impl FromStr for Weights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shares: Vec<f64> = text
            .split('/')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .unwrap_or_default();
        match shares[..] {
            [insert, update, delete]
                if shares.iter().all(|share| (0.0..=1e9).contains(share))
                    && insert + update + delete > 0.0 =>
            {
                Ok(Self {
                    insert,
                    update,
                    delete,
                })
            }
            _ => Err(
                "three shares are typed as `0.70/0.25/0.05`: inserts, updates, deletes".to_owned(),
            ),
        }
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:.2}/{:.2}/{:.2}",
            self.insert, self.update, self.delete
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_three_shares_of_which_one_is_not_zero() {
        assert_eq!("0.70/0.25/0.05".parse(), Ok(Weights::DEFAULT));
        assert_eq!(Weights::DEFAULT.to_string().parse(), Ok(Weights::DEFAULT));
        for wrong in ["", "1/2", "1/2/x", "0/0/0", "1/-1/1", "nan/1/1", "1/2/3/4"] {
            assert!(wrong.parse::<Weights>().is_err(), "{wrong}");
        }
    }
}
