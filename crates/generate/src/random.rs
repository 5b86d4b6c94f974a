//! The random numbers of a seed.

use rand::distr::uniform::{SampleRange, SampleUniform};
use rand::distr::{Distribution, StandardUniform};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Draws what is decided by chance; the same seed draws the same.
pub(crate) struct Random {
    numbers: StdRng,
    /// Whether some values lie at the edge of their type, and some texts are odd or very long.
    pub(crate) extremes: bool,
}

impl Random {
    pub(crate) fn new(seed: u64, extremes: bool) -> Self {
        Self {
            numbers: StdRng::seed_from_u64(seed),
            extremes,
        }
    }

    pub(crate) fn any<T>(&mut self) -> T
    where
        StandardUniform: Distribution<T>,
    {
        self.numbers.random()
    }

    pub(crate) fn within<T: SampleUniform>(&mut self, range: impl SampleRange<T>) -> T {
        self.numbers.random_range(range)
    }

    pub(crate) fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.within(0..values.len())]
    }

    /// Draws an index below `length`.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        self.within(0..length)
    }

    pub(crate) fn one_in(&mut self, several: u32) -> bool {
        self.numbers.random_ratio(1, several)
    }

    /// Is true for this share of the draws, from 0 to 1.
    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.numbers.random_bool(share)
    }

    /// Says whether the next value is an extreme one: with extremes, one in several is.
    pub(crate) fn is_extreme(&mut self, one_in: u32) -> bool {
        self.one_in(one_in) && self.extremes
    }

    /// Picks one of the extreme values if those are wanted, else one of the plain values.
    pub(crate) fn pick_extreme<T: Copy>(&mut self, extreme: &[T], plain: &[T]) -> T {
        self.pick(if self.extremes { extreme } else { plain })
    }
}
