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
    // Since n > 2^(bits - 1), the Montgomery form of 1, which is 2^bits mod n, is 2^bits - n.
    let one = Zeroizing::new(n.wrapping_neg());
    let mut value = one.clone();
    // The exponent's bits from the top; its lowest is zero, since n is odd.
    let mut digits = n.as_words().iter().rev().peekable();
    while let Some(digit) = digits.next() {
        let lowest = u32::from(digits.peek().is_none());
        for bit in (0..Word::BITS).rev() {
            square(&mut value, n, negated_inverse, &mut product);
            if bit >= lowest {
                double_if((digit >> bit) & 1, &mut value, n);
            }
        }
    }
    // Below 2^bits there is only one number that is congruent to `one`: the next would be 2^bits itself.
    *value == *one
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

/// `2 * value (mod n)` if `bit` is one, below `2^bits`.
#[inline]
fn double_if<const L: usize>(bit: Word, value: &mut Uint<L>, n: &Uint<L>) {
    let mask = bit.wrapping_neg();
    let mut carry = Limb::ZERO;
    for limb in value.as_mut_limbs() {
        (*limb, carry) = limb.carrying_add(Limb(limb.0 & mask), carry);
    }
    let carry = subtract_if(carry.0, value, n);
    subtract_if(carry, value, n);
}

/// Subtracts `n` if `carry` (the bit above `value`) is one; returns what is left of the carry.
#[inline]
fn subtract_if<const L: usize>(carry: Word, value: &mut Uint<L>, n: &Uint<L>) -> Word {
    let mask = carry.wrapping_neg();
    let mut borrow = Limb::ZERO;
    for (limb, n) in value.as_mut_limbs().iter_mut().zip(n.as_limbs()) {
        (*limb, borrow) = limb.borrowing_sub(Limb(n.0 & mask), borrow);
    }
    carry.wrapping_sub(borrow.0 & 1)
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
        Odd, U1024, U2048,
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
}
