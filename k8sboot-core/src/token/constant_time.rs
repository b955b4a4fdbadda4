//! Comparison whose duration tells nothing about where two texts differ.

use std::hint::black_box;

/// Whether two byte strings are equal; takes the same time for all strings of the same lengths.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    let mut difference = u8::from(left.len() != right.len());
    for (a, b) in left.iter().zip(right) {
        // Keeps the compiler from leaving the loop at the first difference.
        difference = black_box(difference | (a ^ b));
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::equal;

    #[test]
    fn agrees_with_plain_comparison() {
        for (left, right) in
            [("", ""), ("a", ""), ("", "a"), ("a", "a"), ("a", "b"), ("ab", "a"), ("xb", "ab")]
        {
            assert_eq!(equal(left.as_bytes(), right.as_bytes()), left == right, "{left:?} {right:?}");
        }
    }
}
