//! Chance that repeats itself: the same seed, the same world. SplitMix64, which is enough for a play.

use uuid::{Builder, Uuid};

/// A stream of numbers that only its seed decides.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// The stream of a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Another stream of the same seed, which `for_what` tells apart.
    pub(crate) fn apart(seed: u64, for_what: u64) -> Self {
        Self::new(Self::new(seed ^ for_what.wrapping_mul(0x9E37_79B9_7F4A_7C15)).bits())
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to `end`, which it never is; 0 if `end` is.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let drawn = self.bits() % (end.max(1) as u64);
        usize::try_from(drawn).unwrap_or(0)
    }

    /// True in this share of all cases, 0 to 1.
    pub(crate) fn chance(&mut self, share: f64) -> bool {
        let drawn = u32::try_from(self.bits() >> 32).unwrap_or(u32::MAX);
        f64::from(drawn) / 4_294_967_296.0 < share
    }

    /// One of several, of which there has to be one.
    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// An id as the platform makes them.
    pub(crate) fn uuid(&mut self) -> Uuid {
        let bytes = (u128::from(self.bits()) << 64) | u128::from(self.bits());
        Builder::from_random_bytes(bytes.to_be_bytes()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (random.bits(), random.uuid(), random.below(10))
        };

        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_ne!(Random::apart(7, 1).bits(), Random::apart(7, 2).bits());
    }

    #[test]
    fn a_share_is_about_that_share() {
        let mut random = Random::new(1);

        let drawn = (0..10_000).filter(|_| random.chance(0.05)).count();

        assert!((400..600).contains(&drawn), "{drawn}");
        assert!(!random.chance(0.0) && random.chance(1.0));
    }
}
