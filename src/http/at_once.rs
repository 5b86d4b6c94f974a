//! Counts what goes on at once, of all callers and of each: connections, followers of runs, bytes of answers.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A caller with fewer places than this may use those that are kept back.
const FEW: usize = 8;

/// A bound on what goes on at once.
#[derive(Debug)]
pub(super) struct AtOnce<K> {
    most: usize,
    most_of_one: usize,
    /// What is left for those who have little.
    kept: usize,
    counts: Arc<Mutex<Counts<K>>>,
}

#[derive(Debug)]
struct Counts<K> {
    all: usize,
    of: HashMap<K, usize>,
}

/// A place within the bound, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<K: Eq + Hash> {
    counts: Arc<Mutex<Counts<K>>>,
    key: K,
    size: usize,
}

impl<K: Clone + Eq + Hash> AtOnce<K> {
    /// A bound on all together, and on each.
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        let counts = Counts {
            all: 0,
            of: HashMap::new(),
        };

        Self {
            most,
            most_of_one,
            kept: 0,
            counts: Arc::new(Mutex::new(counts)),
        }
    }

    /// The same, where the last places are only for those who have fewer than [`FEW`].
    pub(super) fn keeping(self, kept: usize) -> Self {
        Self { kept, ..self }
    }

    /// Takes a place. `None` if there would be too much at once.
    pub(super) fn enter(&self, key: K, size: usize) -> Option<Place<K>> {
        let mut counts = lock(&self.counts);
        let own = counts.of.get(&key).copied().unwrap_or(0);
        let kept = if own < FEW { 0 } else { self.kept };
        if counts.all + size > self.most - kept || own + size > self.most_of_one {
            return None;
        }
        counts.all += size;
        counts.of.insert(key.clone(), own + size);

        Some(Place {
            counts: Arc::clone(&self.counts),
            key,
            size,
        })
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.all -= self.size;
        if let Some(own) = counts.of.get_mut(&self.key) {
            *own -= self.size;
            if *own == 0 {
                counts.of.remove(&self.key);
            }
        }
    }
}

fn lock<K>(counts: &Mutex<Counts<K>>) -> MutexGuard<'_, Counts<K>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What counts as one address: a host with IPv6 has a whole network of 64 bits.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        IpAddr::V4(address) => IpAddr::V4(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let bound = AtOnce::new(3, 2);
        let first = bound.enter("a", 1).expect("a place");
        let second = bound.enter("a", 1).expect("a place");
        assert!(bound.enter("a", 1).is_none());
        let other = bound.enter("b", 1).expect("a place");
        assert!(bound.enter("c", 1).is_none());
        drop((first, other));
        assert!(bound.enter("c", 2).is_some());
        drop(second);
        assert!(lock(&bound.counts).of.is_empty());
    }

    #[test]
    fn the_last_places_are_for_those_who_have_few() {
        let bound = AtOnce::new(20, 20).keeping(4);
        let of_many: Vec<_> = (0..16).map(|_| bound.enter("many", 1)).collect();
        assert!(of_many.iter().all(Option::is_some));
        assert!(bound.enter("many", 1).is_none());
        assert!(bound.enter("few", 1).is_some());
    }

    #[test]
    fn the_addresses_of_a_host_count_as_one() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}
