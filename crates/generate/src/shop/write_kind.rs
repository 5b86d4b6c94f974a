//! The kinds of statement that writers send.

use crate::random::Random;
use crate::weights::{Operation, Weights};

/// One customer for this many orders.
const ORDERS_PER_CUSTOMER: f64 = 10.0;
/// The share of an order's updates that give it a new key.
const REKEYED: f64 = 0.02;

/// One kind of statement; its number is the index of the prepared statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteKind {
    InsertCustomers,
    UpdateCustomers,
    DeleteCustomers,
    InsertOrders,
    UpdateOrders,
    DeleteOrders,
    RekeyOrders,
}

impl WriteKind {
    /// In the order of their numbers; customers come before the orders that name them.
    pub(super) const ALL: [Self; 7] = [
        Self::InsertCustomers,
        Self::UpdateCustomers,
        Self::DeleteCustomers,
        Self::InsertOrders,
        Self::UpdateOrders,
        Self::DeleteOrders,
        Self::RekeyOrders,
    ];

    pub(super) fn draw(weights: &Weights, random: &mut Random) -> Self {
        let is_customer = random.chance(1.0 / (1.0 + ORDERS_PER_CUSTOMER));
        let operation = weights.operation(random);
        let is_rekeyed = random.chance(REKEYED);
        match (is_customer, operation) {
            (true, Operation::Insert) => Self::InsertCustomers,
            (true, Operation::Update) => Self::UpdateCustomers,
            (true, Operation::Delete) => Self::DeleteCustomers,
            (false, Operation::Insert) => Self::InsertOrders,
            (false, Operation::Update) if is_rekeyed => Self::RekeyOrders,
            (false, Operation::Update) => Self::UpdateOrders,
            (false, Operation::Delete) => Self::DeleteOrders,
        }
    }

    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::InsertCustomers => include_str!("../../sql/insert_customers.sql"),
            Self::UpdateCustomers => include_str!("../../sql/update_customers.sql"),
            Self::DeleteCustomers => include_str!("../../sql/delete_customers.sql"),
            Self::InsertOrders => include_str!("../../sql/insert_orders.sql"),
            Self::UpdateOrders => include_str!("../../sql/update_orders.sql"),
            Self::DeleteOrders => include_str!("../../sql/delete_orders.sql"),
            Self::RekeyOrders => include_str!("../../sql/rekey_orders.sql"),
        }
    }

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
