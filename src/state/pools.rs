//! How the connections to the state database are used.

use deadpool_postgres::Pool;

use super::Store;

/// One of the pools of connections, at this moment.
#[derive(Debug, Clone, Copy)]
pub struct PoolUse {
    /// `calls`, `work` or `own`.
    pub name: &'static str,
    /// The most connections.
    pub limit: usize,
    pub in_use: usize,
    pub idle: usize,
    /// Questions that wait for a connection.
    pub waits: usize,
}

impl Store {
    #[must_use]
    pub fn pools(&self) -> [PoolUse; 3] {
        [
            PoolUse::of("calls", &self.pool),
            PoolUse::of("work", &self.work_pool),
            PoolUse::of("own", &self.own_pool),
        ]
    }
}

impl PoolUse {
    fn of(name: &'static str, pool: &Pool) -> Self {
        let status = pool.status();

        Self {
            name,
            limit: status.max_size,
            in_use: status.size.saturating_sub(status.available),
            idle: status.available,
            waits: status.waiting,
        }
    }
}
