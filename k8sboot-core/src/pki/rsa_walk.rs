//! Candidates for primes, sieved by small primes.
//!
//! A walk starts at a uniformly random odd number of the allowed range and goes on by a uniformly random even step,
//! around the end of the range. Each candidate is therefore uniform, and any two are independent. A search upwards from
//! a random start would favour primes that follow a long gap; here the neighbours of a prime differ from walk to walk,
//! so no prime is favoured. Since all candidates of a walk differ by the same step, their remainders by the small
//! primes follow by one addition each.

use crypto_bigint::{Limb, NonZero, Reciprocal, Uint, Word};
use zeroize::Zeroizing;

use crate::pki::{PkiError, rsa::Draw};

/// Small primes sieve out composites below this.
const SIEVE_END: u16 = u16::MAX;

/// The range that both primes come from and what helps to sieve it.
pub(super) struct Range<const L: usize> {
    /// The smallest candidate, odd: √2 · 2^(bits-1), rounded up (FIPS 186-5, A.1.3 step 4.4).
    lowest: Uint<L>,
    /// How many odd numbers there are from `lowest` to `2^bits - 1`.
    count: Uint<L>,
    primes: Vec<u16>,
    /// The remainders of `2 * count` by the primes.
    span: Vec<u16>,
    /// Products of consecutive small primes, each in one word, and how many primes are in it.
    products: Vec<(Reciprocal, usize)>,
}

/// One walk; see the module's text.
pub(super) struct Walk<'a, const L: usize> {
    range: &'a Range<L>,
    candidate: Zeroizing<Uint<L>>,
    step: Zeroizing<Uint<L>>,
    /// By small prime: the candidate, the step, and the step around the end of the range.
    remainders: Zeroizing<Vec<u16>>,
    onward: Zeroizing<Vec<u16>>,
    around: Zeroizing<Vec<u16>>,
}

impl<const L: usize> Range<L> {
    pub(super) fn new() -> Self {
        // The first 64 bits of √2, rounded up; `lowest` misses less than a 2^-64th of the range.
        let lowest = Uint::from_u64(0xb504_f333_f9de_6485)
            .wrapping_shl_vartime(Uint::<L>::BITS - 64)
            .wrapping_add(&Uint::ONE);
        let count = lowest.wrapping_neg().wrapping_add(&Uint::ONE).wrapping_shr_vartime(1);
        let primes = small_primes();
        let mut products = Vec::new();
        let (mut product, mut factors): (Word, usize) = (1, 0);
        for prime in &primes {
            match product.checked_mul(Word::from(*prime)) {
                Some(larger) => (product, factors) = (larger, factors + 1),
                None => {
                    products.extend(reciprocal(product).map(|reciprocal| (reciprocal, factors)));
                    (product, factors) = (Word::from(*prime), 1);
                }
            }
        }
        products.extend(reciprocal(product).map(|reciprocal| (reciprocal, factors)));
        let mut range = Self { lowest, count, primes, span: Vec::new(), products };
        range.span = range.remainders(&count.wrapping_shl_vartime(1)).to_vec();
        range
    }

    /// Starts a walk.
    pub(super) fn walk(&self, draw: &mut Draw<'_>) -> Result<Walk<'_, L>, PkiError> {
        let start = draw.below(&self.count)?;
        let stride = draw.below(&self.count.wrapping_sub(&Uint::ONE))?;
        let candidate = Zeroizing::new(self.lowest.wrapping_add(&start.wrapping_shl_vartime(1)));
        let step = Zeroizing::new(stride.wrapping_add(&Uint::ONE).wrapping_shl_vartime(1));
        let onward = self.remainders(&step);
        let mut around = Zeroizing::new(Vec::with_capacity(onward.len()));
        let factors = onward.iter().zip(&self.span).zip(&self.primes);
        around.extend(factors.map(|((step, span), prime)| add(*step, (prime - span) % prime, *prime)));
        Ok(Walk { range: self, remainders: self.remainders(&candidate), candidate, step, onward, around })
    }

    fn remainders(&self, number: &Uint<L>) -> Zeroizing<Vec<u16>> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.primes.len()));
        let mut primes = self.primes.iter();
        for (reciprocal, factors) in &self.products {
            let rest = number.rem_limb_with_reciprocal(reciprocal).0;
            // A remainder of a 16-bit number fits.
            out.extend(
                primes
                    .by_ref()
                    .take(*factors)
                    .map(|p| u16::try_from(rest % Word::from(*p)).unwrap_or_default()),
            );
        }
        out
    }
}

impl<const L: usize> Walk<'_, L> {
    /// Goes to the next candidate; it is returned if no small prime divides it.
    pub(super) fn next(&mut self) -> Option<&Uint<L>> {
        let (sum, carry) = self.candidate.carrying_add(&self.step, Limb::ZERO);
        let steps = if carry == Limb::ZERO {
            *self.candidate = sum;
            &self.onward
        } else {
            // sum - 2 * count, which is sum + lowest - 1 modulo 2^bits.
            *self.candidate = sum.wrapping_add(&self.range.lowest).wrapping_sub(&Uint::ONE);
            &self.around
        };
        let mut divided = 0;
        for ((remainder, step), prime) in self.remainders.iter_mut().zip(steps.iter()).zip(&self.range.primes)
        {
            *remainder = add(*remainder, *step, *prime);
            divided |= u16::from(*remainder == 0);
        }
        (divided == 0).then_some(&*self.candidate)
    }
}

/// `a + b` modulo `prime`, for `a` and `b` below it, without leaving 16 bits.
#[inline(always)]
fn add(a: u16, b: u16, prime: u16) -> u16 {
    let room = prime.wrapping_sub(b);
    if a >= room { a.wrapping_sub(room) } else { a.wrapping_add(b) }
}

fn reciprocal(divisor: Word) -> Option<Reciprocal> {
    NonZero::new(Limb(divisor)).into_option().map(Reciprocal::new)
}

/// The odd primes below [`SIEVE_END`], by Eratosthenes' sieve.
fn small_primes() -> Vec<u16> {
    let mut composite = vec![false; usize::from(SIEVE_END)];
    (3..SIEVE_END)
        .step_by(2)
        .filter(|number| {
            let step = usize::from(*number);
            let prime = !composite.get(step).copied().unwrap_or(true);
            if prime && step < 256 {
                composite.iter_mut().skip(step * step).step_by(2 * step).for_each(|mark| *mark = true);
            }
            prime
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crypto_bigint::{U1024, U2048};

    use super::*;
    use crate::entropy::{Entropy, Seeded};

    #[test]
    fn the_range_is_that_of_fips_186_5() {
        let range = Range::<{ U1024::LIMBS }>::new();
        assert_eq!(range.primes.len(), 6541);
        assert!(range.lowest.is_odd().to_bool());
        // lowest^2 >= 2^2047 > (lowest - 2^961)^2
        let limit = U2048::ONE.wrapping_shl_vartime(2047);
        let square: U2048 = range.lowest.concatenating_square();
        assert!(square >= limit);
        let below: U2048 =
            range.lowest.wrapping_sub(&U1024::ONE.wrapping_shl_vartime(961)).concatenating_square();
        assert!(below < limit);
        let last =
            range.lowest.wrapping_add(&range.count.wrapping_shl_vartime(1)).wrapping_sub(&U1024::from_u64(2));
        assert_eq!(last, U1024::MAX);
    }

    #[test]
    fn remainders_stay_true_on_the_way_and_around_the_end() {
        let range = Range::<{ U1024::LIMBS }>::new();
        let entropy = Seeded::new(b"walk");
        let mut stream = entropy.stream("walk");
        let mut walk = range.walk(&mut Draw::new(&mut *stream, "walk")).unwrap();
        let (mut survivors, mut turns) = (0, 0);
        for _ in 0..200 {
            let before = *walk.candidate;
            survivors += usize::from(walk.next().is_some());
            turns += usize::from(*walk.candidate < before);
            assert!(*walk.candidate >= range.lowest);
            assert_eq!(*walk.remainders, *range.remainders(&walk.candidate));
        }
        // One in ten odd numbers has no factor below 2^16.
        assert!((5..60).contains(&survivors) && turns > 10, "{survivors} {turns}");
    }
}
