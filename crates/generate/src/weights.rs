//! How often rows are inserted, updated and deleted.

use std::fmt;
use std::str::FromStr;

use crate::random::Random;

/// The shares of inserts, updates and deletes, typed as `0.70/0.25/0.05`. They need not add up to one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    pub insert: f64,
    pub update: f64,
    pub delete: f64,
}

/// What happens to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Insert,
    Update,
    Delete,
}

impl Weights {
    /// What is usual in a shop.
    pub const DEFAULT: Self = Self {
        insert: 0.70,
        update: 0.25,
        delete: 0.05,
    };
    /// Only inserts, for tables without rows to update or delete.
    pub(crate) const INSERTS: Self = Self {
        insert: 1.0,
        update: 0.0,
        delete: 0.0,
    };

    /// Draws what happens to a row.
    pub(crate) fn operation(&self, random: &mut Random) -> Operation {
        let drawn = random.within(0.0..self.insert + self.update + self.delete);
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
