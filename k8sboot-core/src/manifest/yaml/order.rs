//! The order of map keys: natural, as go-yaml v2 sorts them.

use std::cmp::Ordering;

/// Compares two keys: signs before digits before letters, digit runs by their number, fewer leading zeros first.
///
/// Letters compare by code point, so upper case comes before lower case. Go sums digit runs in an `int64` that wraps;
/// here runs of more than 38 digits count as equally large, which keeps the order total. Outside ASCII,
/// `char::is_alphabetic` stands for Go's `unicode.IsLetter`; they differ for combining marks and letter-like numbers.
///
/// Source: go-yaml v2, `keyList` of sorter.go.
pub(super) fn natural(left: &str, right: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(x, y)| x != y) else {
        return a.len().cmp(&b.len());
    };
    let (Some((same, a)), Some((_, b))) = (a.split_at_checked(at), b.split_at_checked(at)) else {
        return Ordering::Equal;
    };
    let (Some(&x), Some(&y)) = (a.first(), b.first()) else { return Ordering::Equal };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // A zero after a digit that counts is no leading zero: give both runs a common first digit.
    let inside =
        (x == '0' || y == '0') && same.iter().rev().take_while(|c| c.is_ascii_digit()).any(|&c| c != '0');
    let ((x_number, x_digits), (y_number, y_digits)) = (run(a, inside), run(b, inside));
    x_number.cmp(&y_number).then(x_digits.cmp(&y_digits)).then(x.cmp(&y))
}

fn run(text: &[char], inside: bool) -> (u128, usize) {
    let digits = text.iter().map_while(|c| c.to_digit(10));
    digits.fold((u128::from(inside), 0), |(number, count), digit| {
        (number.saturating_mul(10).saturating_add(u128::from(digit)), count + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From go-yaml v2's own test of the order (sorter_test.go), strings only.
    #[test]
    fn sorts_as_go_yaml() {
        let order = [
            "", "!", "#a1", "#a2", "$", "1", "7", "8", "10", "A", "B", "a", "a_", "a1", "a1.2", "a01", "a2",
            "a10", "a012", "a100a", "a0100a", "ab", "abc", "b", "b1", "b01", "b3", "b10", "b11", "b100", "d",
            "d1", "d2", "d10", "e", "é",
        ];
        for (i, a) in order.iter().enumerate() {
            for (j, b) in order.iter().enumerate() {
                assert_eq!(natural(a, b), i.cmp(&j), "{a} {b}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn is_a_total_order(keys in proptest::collection::vec("[a0-9.B-]{0,45}", 3)) {
            let [a, b, c] = &keys[..] else { unreachable!() };
            assert_eq!(natural(a, b), natural(b, a).reverse());
            assert_eq!(natural(a, b) == Ordering::Equal, a == b);
            if natural(a, b) == Ordering::Less && natural(b, c) == Ordering::Less {
                assert_eq!(natural(a, c), Ordering::Less);
            }
        }
    }
}
