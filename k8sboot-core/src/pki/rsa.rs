//! RSA keys from primes as FIPS 186-5 wants them.
//!
//! Both primes lie between √2 · 2^(n/2-1) and 2^(n/2), differ by more than 2^(n/2-100), and have `p - 1` and `q - 1` prime
//! to e = 65537 (A.1.1 and A.1.3). They pass as many Miller–Rabin rounds with random bases as table B.1 wants for an
//! error of 2^-112, 2^-128 and 2^-144, and a strong Lucas test on top. d is the inverse of e modulo
//! lcm(p - 1, q - 1) and larger than 2^(n/2). The candidates come from a walk (see the module `rsa_walk`) instead
//! of one draw each. Primality and arithmetic are `crypto-primes`' and `crypto-bigint`'s.

use crypto_bigint::{
    Concat, Limb, NonZero, Odd, RandomMod, U1024, U1536, U2048, U3072, U4096, Uint, UnsignedWithMontyForm,
};
use crypto_primes::hazmat::{LucasCheck, MillerRabin, SelfridgeBase, lucas_test};
use zeroize::Zeroizing;

use crate::{
    entropy::Stream,
    pki::{KeyAlgorithm, KeyPair, PkiError, Signer, der_key, rsa_screen, rsa_walk::Range},
};

/// The public exponent, a prime.
const E: u32 = 65_537;

/// Candidates of one walk. A prime takes 355 on average at 1024 bits; the rest of a walk is not worse than its start.
const WALK: usize = 1024;

/// Walks until the source of randomness must be broken: the chance to get so far is below 2^-128.
const MOST_WALKS: usize = 64;

/// A new key pair of `algorithm`, made from `stream` alone.
pub(super) fn generate(algorithm: KeyAlgorithm, draw: &mut Draw<'_>) -> Result<KeyPair, PkiError> {
    let pkcs1 = match algorithm {
        KeyAlgorithm::Rsa2048 => numbers::<{ U1024::LIMBS }, { U2048::LIMBS }>(5, draw)?,
        KeyAlgorithm::Rsa3072 => numbers::<{ U1536::LIMBS }, { U3072::LIMBS }>(4, draw)?,
        KeyAlgorithm::Rsa4096 => numbers::<{ U2048::LIMBS }, { U4096::LIMBS }>(4, draw)?,
        _ => return Err(draw.failure(algorithm, "an algorithm other than RSA")),
    };
    let broken = || draw.failure(algorithm, "a key that fails its own check");
    let key =
        KeyPair::rsa(&pkcs1.ok_or_else(|| draw.failure(algorithm, "randomness that yields no primes"))?)
            .map_err(|_| broken())?;
    let probe = b"pairwise consistency";
    key.public_key().verify(key.signature_algorithm(), probe, &key.sign(probe)?).map_err(|_| broken())?;
    Ok(key)
}

/// A stream of randomness and what it is for.
pub(super) struct Draw<'a> {
    stream: &'a mut dyn Stream,
    purpose: &'a str,
}

impl<'a> Draw<'a> {
    pub(super) fn new(stream: &'a mut dyn Stream, purpose: &'a str) -> Self {
        Self { stream, purpose }
    }

    /// A uniform number below `end`, by rejection.
    pub(super) fn below<const L: usize>(&mut self, end: &Uint<L>) -> Result<Zeroizing<Uint<L>>, PkiError> {
        let surplus = Uint::<L>::BITS - end.bits_vartime();
        let mut bytes = Zeroizing::new(vec![0; Uint::<L>::BYTES]);
        // Each round succeeds with at least one half; a source that never does is not random.
        for _ in 0..256 {
            self.stream
                .fill(&mut bytes)
                .map_err(|source| PkiError::Entropy { purpose: self.purpose.to_owned(), source })?;
            let number = Zeroizing::new(Uint::from_be_slice(&bytes).wrapping_shr_vartime(surplus));
            if *number < *end {
                return Ok(number);
            }
        }
        Err(PkiError::Entropy {
            purpose: self.purpose.to_owned(),
            source: crate::entropy::EntropyError { wanted: Uint::<L>::BYTES },
        })
    }

    fn failure(&self, algorithm: KeyAlgorithm, found: &'static str) -> PkiError {
        PkiError::key_source(self.purpose, algorithm, found)
    }
}

/// The `RSAPrivateKey` (RFC 8017) of two new primes of `L` limbs; `None` if the randomness yields none.
fn numbers<const L: usize, const W: usize>(
    rounds: usize,
    draw: &mut Draw<'_>,
) -> Result<Option<Zeroizing<Vec<u8>>>, PkiError>
where
    Uint<L>: UnsignedWithMontyForm + RandomMod + Concat<L, Output = Uint<W>>,
{
    let range = Range::<L>::new();
    let Some(first) = prime::<L, W>(&range, rounds, None, draw)? else { return Ok(None) };
    let Some(second) = prime::<L, W>(&range, rounds, Some(&first), draw)? else { return Ok(None) };
    let (p, q) = if *first > *second { (first, second) } else { (second, first) };
    Ok(assemble::<L, W>(&p, &q))
}

/// A prime of `range`, far enough from `other`.
fn prime<const L: usize, const W: usize>(
    range: &Range<L>,
    rounds: usize,
    other: Option<&Uint<L>>,
    draw: &mut Draw<'_>,
) -> Result<Option<Zeroizing<Uint<L>>>, PkiError>
where
    Uint<L>: UnsignedWithMontyForm + RandomMod,
{
    for _ in 0..MOST_WALKS {
        let mut walk = range.walk(draw)?;
        for _ in 0..WALK {
            let Some(candidate) = walk.next() else { continue };
            let suits = rem_e(candidate) != 1 && other.is_none_or(|other| far_apart(candidate, other));
            if suits && rsa_screen::passes::<L, W>(candidate) && is_prime(candidate, rounds, draw)? {
                return Ok(Some(Zeroizing::new(*candidate)));
            }
        }
    }
    Ok(None)
}

/// Miller–Rabin with random bases (FIPS 186-5, B.3.1), then a strong Lucas test.
fn is_prime<const L: usize>(candidate: &Uint<L>, rounds: usize, draw: &mut Draw<'_>) -> Result<bool, PkiError>
where
    Uint<L>: UnsignedWithMontyForm + RandomMod,
{
    let Some(odd) = Odd::new(*candidate).into_option() else { return Ok(false) };
    let test = MillerRabin::new(odd);
    for _ in 0..rounds {
        // From 2 to candidate - 2.
        let base = draw.below(&candidate.wrapping_sub(&Uint::from_u8(3)))?;
        if test.test(&base.wrapping_add(&Uint::from_u8(2))).is_composite() {
            return Ok(false);
        }
    }
    Ok(lucas_test(odd, SelfridgeBase, LucasCheck::Strong).is_probably_prime())
}

/// Whether |a - b| > 2^(bits-100).
fn far_apart<const L: usize>(a: &Uint<L>, b: &Uint<L>) -> bool {
    let difference = if a > b { a.wrapping_sub(b) } else { b.wrapping_sub(a) };
    difference > Uint::ONE.wrapping_shl_vartime(Uint::<L>::BITS - 100)
}

/// The `RSAPrivateKey` of `p > q`; `None` if a number breaks its rule, which is as good as impossible.
fn assemble<const L: usize, const W: usize>(p: &Uint<L>, q: &Uint<L>) -> Option<Zeroizing<Vec<u8>>>
where
    Uint<L>: Concat<L, Output = Uint<W>>,
{
    let n: Uint<W> = p.concatenating_mul(q);
    let p_1 = Zeroizing::new(p.wrapping_sub(&Uint::ONE));
    let q_1 = Zeroizing::new(q.wrapping_sub(&Uint::ONE));
    let lambda: Zeroizing<Uint<W>> = Zeroizing::new(p_1.lcm(&q_1));
    let d = Zeroizing::new(inverse_of_e(&lambda)?);
    let d_p = Zeroizing::new(inverse_of_e(&p_1)?);
    let d_q = Zeroizing::new(inverse_of_e(&q_1)?);
    let q_inverse = Zeroizing::new(q.invert_odd_mod(&Odd::new(*p).into_option()?).into_option()?);
    // FIPS 186-5 A.1.1 step 3, and that the three exponents belong together.
    let fits = d.bits() > Uint::<L>::BITS
        && d.rem(&NonZero::new(*p_1).into_option()?) == *d_p
        && d.rem(&NonZero::new(*q_1).into_option()?) == *d_q;
    fits.then(|| {
        let integer = |bytes: &[u8]| der_key::positive(bytes);
        let big = |number: &Uint<W>| integer(Zeroizing::new(number.to_be_bytes()).as_ref());
        let half = |number: &Uint<L>| integer(Zeroizing::new(number.to_be_bytes()).as_ref());
        let parts = [
            integer(&[0]),
            big(&n),
            integer(&E.to_be_bytes()),
            big(&d),
            half(p),
            half(q),
            half(&d_p),
            half(&d_q),
            half(&q_inverse),
        ];
        der_key::element(der_key::SEQUENCE, &parts.each_ref().map(|part| part.as_slice()))
    })
}

/// `1/e` modulo `m`, as (1 + m·k)/e with the k that makes it whole.
fn inverse_of_e<const L: usize>(m: &Uint<L>) -> Option<Uint<L>> {
    let e = u64::from(E);
    let (quotient, _) = m.div_rem_limb(NonZero::new(Limb::from(E)).into_option()?);
    let rest = rem_e(m);
    // Fermat: e is prime, so rest^(e-2) is the inverse of rest; k is its negative.
    let mut power = 1;
    let mut square = rest;
    for bit in 0..17 {
        if ((e - 2) >> bit) & 1 == 1 {
            power = power * square % e;
        }
        square = square * square % e;
    }
    let k = e - power;
    (rest != 0).then(|| {
        quotient.wrapping_mul(&Uint::<L>::from_u64(k)).wrapping_add(&Uint::from_u64((1 + rest * k) / e))
    })
}

/// The remainder by e.
#[allow(clippy::useless_conversion)] // A limb has 32 bits on some targets.
fn rem_e<const L: usize>(number: &Uint<L>) -> u64 {
    NonZero::new(Limb::from(E)).into_option().map_or(0, |e| u64::from(number.rem_limb(e).0))
}

#[cfg(test)]
mod tests {
    use crypto_bigint::U64;
    use crypto_primes::{Flavor, hazmat::minimum_mr_iterations, is_prime};

    use super::*;
    use crate::{
        entropy::{Entropy, Seeded},
        pki::der_key::{INTEGER, Reader, SEQUENCE},
    };

    #[test]
    fn keys_meet_the_conditions_of_fips_186_5() {
        for seed in [b"a", b"b"] {
            let entropy = Seeded::new(seed);
            let mut stream = entropy.stream("test");
            let mut draw = Draw::new(&mut *stream, "test");
            let der = numbers::<{ U1024::LIMBS }, { U2048::LIMBS }>(5, &mut draw).unwrap().unwrap();
            let mut key = Reader::only(&der, SEQUENCE).unwrap();
            assert_eq!(key.take(INTEGER), Some(&[0][..]));
            let mut number = || U2048::from_be_slice_truncated(key.take_positive().unwrap(), 2048);
            let [n, e, d, p, q, d_p, d_q, q_inverse] = [(); 8].map(|()| number());
            let one = U2048::ONE;
            let modulo = |number: &U2048, modulus: &U2048| number.rem_vartime(&modulus.to_nz().unwrap());
            let (p_1, q_1) = (p.wrapping_sub(&one), q.wrapping_sub(&one));

            assert_eq!(e, U2048::from_u64(65_537));
            assert_eq!((n.bits(), n), (2048, p.wrapping_mul(&q)));
            for prime in [p, q] {
                assert!(is_prime(Flavor::Any, &prime));
                assert_eq!(prime.bits(), 1024);
                // At least √2 · 2^1023.
                assert_eq!(prime.wrapping_mul(&prime).bits(), 2048);
                assert_ne!(modulo(&prime, &e), one);
            }
            assert!(p > q && p.wrapping_sub(&q).bits() > 1024 - 100);
            assert!(d.bits() > 1024 && d < p_1.wrapping_mul(&q_1));
            assert_eq!(modulo(&modulo(&d, &p_1).wrapping_mul(&e), &p_1), one);
            assert_eq!(modulo(&modulo(&d, &q_1).wrapping_mul(&e), &q_1), one);
            assert_eq!((modulo(&d, &p_1), modulo(&d, &q_1)), (d_p, d_q));
            assert_eq!(modulo(&q.wrapping_mul(&q_inverse), &p), one);
        }
    }

    #[test]
    fn rounds_are_enough_for_the_error_of_table_b_1() {
        for (bits, target, rounds) in [(1024, 112, 5), (1536, 128, 4), (2048, 144, 4)] {
            assert!(minimum_mr_iterations(bits, target).unwrap() <= rounds, "{bits}");
        }
    }

    #[test]
    fn primes_too_close_to_each_other_are_refused() {
        let p = U1024::MAX;
        let step = U1024::ONE.wrapping_shl_vartime(1024 - 100);
        assert!(!far_apart(&p, &p.wrapping_sub(&step)));
        assert!(far_apart(&p.wrapping_sub(&step).wrapping_sub(&U1024::ONE), &p));
    }

    #[test]
    fn draws_stay_below_their_end_and_reach_every_number() {
        let entropy = Seeded::new(b"draw");
        let mut stream = entropy.stream("test");
        let mut draw = Draw::new(&mut *stream, "test");
        let mut seen = [0; 5];
        for _ in 0..200 {
            let number = draw.below(&U64::from_u64(5)).unwrap();
            seen[usize::try_from(u64::from(*number)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|times| (20..60).contains(times)), "{seen:?}");
    }
}
