//! A fast first look at prime candidates: Fermat's test to the base 2.
//!
//! Most of the time of RSA key generation goes into finding out that candidates are composite, so this path has a
//! Montgomery squaring of its own (squares share half their products, and two rows at a time keep two carry chains
//! busy). It only screens: what passes is judged again by `crypto-primes`, so a mistake here could cost time or miss a
//! prime, but never let a composite through. No branch and no address depends on the candidate's bits.

use crypto_bigint::{Limb, Uint, Word};
use zeroize::Zeroizing;

/// Whether `2^(n-1) = 1 (mod n)`, which holds for every odd prime and for next to no composite.
///
/// `n` is odd and has its top bit set. `W` is `2 * L`.
pub(super) fn passes<const L: usize, const W: usize>(n: &Uint<L>) -> bool {
    let negated_inverse = negated_inverse(n);
    let mut product = Zeroizing::new([Limb::ZERO; W]);
    let digits = exponent(n);
    // Since n > 2^(bits - 1), the Montgomery form of 1, which is 2^bits mod n, is 2^bits - n.
    let one = Zeroizing::new(n.wrapping_neg());
    let mut value = one.clone();
    let Some(modulus) = n.as_nz_vartime() else { return false };
    for _ in 0..TOP {
        *value = value.add_mod(&value, modulus);
    }
    for digit in digits.iter().rev() {
        for _ in 0..WINDOW {
            square(&mut value, n, negated_inverse, &mut product);
        }
        shift_and_reduce(*digit, &mut value, n, negated_inverse);
    }
    // Below 2^bits there is only one number that is congruent to `one`: the next would be 2^bits itself.
    *value == *one
}

/// Bits of the exponent that one multiplication by a power of two covers.
const WINDOW: u32 = 5;

/// What is left of the exponent above its digits: `B` makes each of them carry this much.
const TOP: u32 = Word::BITS >> WINDOW;

/// The exponent `n - 1`, prepared for multiplications by `2^digit / 2^B`, `B` being the bits of a limb.
///
/// The digits d to the base `2^WINDOW`, lowest first, satisfy
/// `n - 1 = TOP * 2^(WINDOW * len) + sum of (d[i] - B) * 2^(WINDOW * i)`.
fn exponent<const L: usize>(n: &Uint<L>) -> Zeroizing<Vec<u32>> {
    let windows = Uint::<L>::BITS.div_ceil(WINDOW);
    let mut digits = Zeroizing::new(Vec::with_capacity(usize::try_from(windows).unwrap_or_default()));
    let (mut words, mut pending, mut bits) = (n.as_words().iter(), 0_u128, 0);
    let mut carry = 0;
    for window in 0..windows {
        if bits < WINDOW {
            pending |= u128::from(words.next().copied().unwrap_or_default()) << bits;
            bits += Word::BITS;
        }
        // n is odd, so taking one away only clears the lowest bit.
        let own = u32::try_from(pending & ((1 << WINDOW) - 1)).unwrap_or_default() - u32::from(window == 0);
        let digit = own + Word::BITS + carry;
        digits.push(digit & ((1 << WINDOW) - 1));
        carry = digit >> WINDOW;
        pending >>= WINDOW;
        bits -= WINDOW;
    }
    debug_assert_eq!(carry, TOP);
    digits
}

/// `value * 2^shift / 2^B (mod n)`, below `2^bits`, for a shift below `2^WINDOW`.
#[inline]
fn shift_and_reduce<const L: usize>(shift: u32, value: &mut Uint<L>, n: &Uint<L>, negated_inverse: Limb) {
    let lowest = value.as_limbs().first().map_or(0, |limb| limb.0 << shift);
    let q = Limb(lowest).wrapping_mul(negated_inverse);
    let (mut below, mut carry) = (0, Limb::ZERO);
    // Every sum goes one place down: the first is zero by the choice of q.
    let mut unused = Limb::ZERO;
    let mut to = &mut unused;
    for (limb, n) in value.as_mut_limbs().iter_mut().zip(n.as_limbs()) {
        let shifted = Limb((limb.0 << shift) | (below >> 1 >> (Word::BITS - 1 - shift)));
        below = limb.0;
        *to = mac(shifted, q, *n, &mut carry);
        to = limb;
    }
    let top = Limb(below >> 1 >> (Word::BITS - 1 - shift));
    let overflow;
    (*to, overflow) = top.carrying_add(carry, Limb::ZERO);
    subtract_if(overflow.0, value, n);
}

/// `value * value / 2^bits (mod n)`, below `2^bits`.
#[inline]
fn square<const L: usize, const W: usize>(
    value: &mut Uint<L>,
    n: &Uint<L>,
    negated_inverse: Limb,
    product: &mut [Limb; W],
) {
    cross_products(value.as_limbs(), product);
    double_and_add_squares(value.as_limbs(), product);
    let carry = reduce(product, n.as_limbs(), negated_inverse);
    for (to, from) in value.as_mut_limbs().iter_mut().zip(product.iter().skip(L)) {
        *to = *from;
    }
    subtract_if(carry.0, value, n);
}

/// The sum of `a[i] * a[j] * B^(i + j)` over `i < j`, `B` being one more than a limb holds; two rows at a time.
#[inline]
fn cross_products(a: &[Limb], product: &mut [Limb]) {
    product.fill(Limb::ZERO);
    let mut rest = a;
    let mut window = product.get_mut(1..).unwrap_or_default();
    while let ([x0, x1, tail @ ..], [w0, w1, sums @ ..]) = (rest, &mut *window) {
        let (mut carry0, mut carry1) = (Limb::ZERO, Limb::ZERO);
        *w0 = mac(*w0, *x0, *x1, &mut carry0);
        if let [first, after @ ..] = tail {
            *w1 = mac(*w1, *x0, *first, &mut carry0);
            for ((sum, previous), next) in sums.iter_mut().zip(tail).zip(after) {
                let partial = mac(*sum, *x0, *next, &mut carry0);
                *sum = mac(partial, *x1, *previous, &mut carry1);
            }
            // No earlier row has reached these two.
            if let (Some([top0, top1, ..]), Some(last)) = (sums.get_mut(after.len()..), tail.last()) {
                let partial = mac(Limb::ZERO, *x1, *last, &mut carry1);
                let (sum, carry) = partial.carrying_add(carry0, Limb::ZERO);
                (*top0, *top1) = (sum, carry1.wrapping_add(carry));
            }
        } else {
            *w1 = carry0;
        }
        rest = tail;
        window = window.get_mut(4..).unwrap_or_default();
    }
}

/// `2 * product + sum of a[i]^2 * B^(2i)`.
#[inline]
fn double_and_add_squares(a: &[Limb], product: &mut [Limb]) {
    let (mut shifted_out, mut carry) = (0, Limb::ZERO);
    for (pair, x) in product.chunks_exact_mut(2).zip(a) {
        if let [v0, v1] = pair {
            let (low, high) = x.carrying_mul_add(*x, Limb::ZERO, Limb::ZERO);
            let doubled0 = Limb((v0.0 << 1) | shifted_out);
            let doubled1 = Limb((v1.0 << 1) | (v0.0 >> (Word::BITS - 1)));
            shifted_out = v1.0 >> (Word::BITS - 1);
            (*v0, carry) = doubled0.carrying_add(low, carry);
            (*v1, carry) = doubled1.carrying_add(high, carry);
        }
    }
}

/// Adds the multiple of `n` that makes the lower half of `product` zero; returns the carry out of the upper half.
#[inline]
fn reduce(product: &mut [Limb], n: &[Limb], negated_inverse: Limb) -> Limb {
    let mut meta = Limb::ZERO;
    let [n0, after @ ..] = n else { return meta };
    let ([n1, far @ ..], Some(last)) = (after, n.last()) else { return meta };
    let mut start = 0;
    while start < n.len() {
        let window = product.get_mut(start..start + n.len() + 2);
        let Some([w0, w1, sums @ .., top0, top1]) = window else { return meta };
        let (mut carry0, mut carry1) = (Limb::ZERO, Limb::ZERO);
        let q0 = w0.wrapping_mul(negated_inverse);
        mac(*w0, q0, *n0, &mut carry0);
        let partial = mac(*w1, q0, *n1, &mut carry0);
        let q1 = partial.wrapping_mul(negated_inverse);
        mac(partial, q1, *n0, &mut carry1);
        for ((sum, previous), next) in sums.iter_mut().zip(after).zip(far) {
            let partial = mac(*sum, q0, *next, &mut carry0);
            *sum = mac(partial, q1, *previous, &mut carry1);
        }
        let partial = mac(*top0, q1, *last, &mut carry1);
        (*top0, meta) = partial.carrying_add(carry0, meta);
        (*top1, meta) = top1.carrying_add(carry1, meta);
        start += 2;
    }
    meta
}

/// Subtracts `n` if `carry` (the bit above `value`) is one; the result is right if it is below `2^bits`.
#[inline]
fn subtract_if<const L: usize>(carry: Word, value: &mut Uint<L>, n: &Uint<L>) {
    let mask = carry.wrapping_neg();
    let mut borrow = Limb::ZERO;
    for (limb, n) in value.as_mut_limbs().iter_mut().zip(n.as_limbs()) {
        (*limb, borrow) = limb.borrowing_sub(Limb(n.0 & mask), borrow);
    }
}

/// `sum + x * y + carry`; the upper half becomes the new carry.
#[inline(always)]
fn mac(sum: Limb, x: Limb, y: Limb, carry: &mut Limb) -> Limb {
    let low;
    (low, *carry) = x.carrying_mul_add(y, sum, *carry);
    low
}

/// `-1/n` modulo one more than a limb holds, by Newton's iteration, which doubles the right bits each time.
fn negated_inverse<const L: usize>(n: &Uint<L>) -> Limb {
    let lowest = n.as_words().first().copied().unwrap_or(1);
    let inverse = (0..6).fold(lowest, |guess: Word, _| {
        guess.wrapping_mul((2 as Word).wrapping_sub(lowest.wrapping_mul(guess)))
    });
    Limb(inverse.wrapping_neg())
}

#[cfg(test)]
mod tests {
    use crypto_bigint::{
        Odd, U1024, U1536, U2048, U3072, U4096,
        modular::{FixedMontyForm, FixedMontyParams},
    };
    use proptest::prelude::*;

    use super::*;

    fn odd(mut bytes: Vec<u8>) -> U1024 {
        bytes[0] |= 0x80;
        bytes[127] |= 1;
        U1024::from_be_slice(&bytes)
    }

    proptest! {
        #[test]
        fn squares_like_the_library(n in prop::collection::vec(any::<u8>(), 128), v in prop::collection::vec(any::<u8>(), 128)) {
            let n = odd(n);
            let params = FixedMontyParams::new_vartime(Odd::new(n).unwrap());
            let mut value = odd(v).rem_vartime(&n.to_nz().unwrap());
            let want = FixedMontyForm::from_montgomery(value, &params).square();
            square::<{ U1024::LIMBS }, { U2048::LIMBS }>(&mut value, &n, negated_inverse(&n), &mut [Limb::ZERO; U2048::LIMBS]);
            prop_assert_eq!(value.rem_vartime(&n.to_nz().unwrap()), *want.as_montgomery());
        }
    }

    #[test]
    fn the_extremes_do_not_overflow() {
        for n in [U1024::MAX, U1024::MAX.wrapping_sub(&U1024::from_u64(104)), odd(vec![0; 128])] {
            let params = FixedMontyParams::new_vartime(Odd::new(n).unwrap());
            let two = FixedMontyForm::new(&U1024::from_u64(2), &params);
            let want = two.pow(&n.wrapping_sub(&U1024::ONE)).retrieve() == U1024::ONE;
            assert_eq!(passes::<{ U1024::LIMBS }, { U2048::LIMBS }>(&n), want);
        }
        // 2^1024 - 105 is the largest prime of 1024 bits.
        assert!(passes::<{ U1024::LIMBS }, { U2048::LIMBS }>(
            &U1024::MAX.wrapping_sub(&U1024::from_u64(104))
        ));
    }

    #[test]
    fn the_primes_of_rfc_3526_pass_and_their_neighbours_do_not() {
        let group5 = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
            EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
            EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
            83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA237327FFFFFFFFFFFFFFFF";
        let group14 = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
            EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
            EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
            83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
            E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
            15728E5A8AACAA68FFFFFFFFFFFFFFFF";
        let (five, fourteen) = (U1536::from_be_hex(group5), U2048::from_be_hex(group14));
        assert!(passes::<{ U1536::LIMBS }, { U3072::LIMBS }>(&five));
        assert!(passes::<{ U2048::LIMBS }, { U4096::LIMBS }>(&fourteen));
        for away in [2, 4, 8, 1 << 20] {
            let neighbour = five.wrapping_sub(&U1536::from_u64(away));
            assert!(!passes::<{ U1536::LIMBS }, { U3072::LIMBS }>(&neighbour), "{away}");
            let neighbour = fourteen.wrapping_sub(&U2048::from_u64(away));
            assert!(!passes::<{ U2048::LIMBS }, { U4096::LIMBS }>(&neighbour), "{away}");
        }
    }
}
