//! A CIDR split into equal parts.

use super::error::{IpamError, SplitProblem};
use crate::cidr::{Cidr, Family, from_number, to_number};

/// Splits a CIDR into parts of a longer prefix, in the order of addresses; host bits of the CIDR do not count.
///
/// Nothing is made before it is asked for: the /64s of a /32 cost as much as those of a /63.
///
/// # Errors
///
/// [`IpamError::Split`] if the prefix is shorter than that of the CIDR or longer than its addresses.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::split;
/// let parts: Vec<String> = split(&"10.244.0.0/22".parse()?, 24)?.map(|part| part.to_string()).collect();
/// assert_eq!(parts, ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24", "10.244.3.0/24"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn split(cidr: &Cidr, prefix: u8) -> Result<Split, IpamError> {
    Ok(Split { blocks: Blocks::new(cidr, prefix)?, next: Some(0) })
}

/// The parts of a CIDR; see [`split`].
#[derive(Clone, Debug)]
pub struct Split {
    blocks: Blocks,
    next: Option<u128>,
}

impl Iterator for Split {
    type Item = Cidr;

    fn next(&mut self) -> Option<Cidr> {
        self.nth(0)
    }

    fn nth(&mut self, skip: usize) -> Option<Cidr> {
        let at = self.next.take()?.checked_add(skip as u128).filter(|at| *at <= self.blocks.last)?;
        self.next = at.checked_add(1);
        self.blocks.get(at)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.next.filter(|next| *next <= self.blocks.last).map(|next| self.blocks.last - next);
        let left = left.map_or(Some(0), |left| usize::try_from(left).ok()?.checked_add(1));
        (left.unwrap_or(usize::MAX), left)
    }
}

/// Equal parts of a CIDR, by number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    family: Family,
    first: u128,
    prefix: u8,
    /// The number of the last part.
    pub(super) last: u128,
}

impl Blocks {
    pub(super) fn new(cidr: &Cidr, prefix: u8) -> Result<Self, IpamError> {
        let bits = cidr.family().bits();
        if prefix < cidr.length() || prefix > bits {
            let problem = SplitProblem::Prefix { shortest: cidr.length(), longest: bits, found: prefix };
            return Err(IpamError::Split { cidr: cidr.clone(), problem });
        }
        let last = 1_u128.checked_shl((prefix - cidr.length()).into()).map_or(u128::MAX, |count| count - 1);
        Ok(Self { family: cidr.family(), first: to_number(cidr.first()), prefix, last })
    }

    /// A part.
    pub(super) fn get(&self, number: u128) -> Option<Cidr> {
        let begin = number.checked_shl(self.host_bits()).unwrap_or(0);
        Cidr::new(from_number(self.family, self.first | begin), self.prefix)
    }

    /// The first and the last part that share an address with a CIDR.
    pub(super) fn touched(&self, cidr: &Cidr) -> Option<(u128, u128)> {
        if cidr.family() != self.family {
            return None;
        }
        let number = |address| (to_number(address) - self.first).checked_shr(self.host_bits()).unwrap_or(0);
        let (first, last) = (to_number(cidr.first()), to_number(cidr.last()));
        let end = self.first | self.last.checked_shl(self.host_bits()).unwrap_or(0) | self.host_mask();
        if last < self.first || first > end {
            return None;
        }
        let clipped = |n: u128| from_number(self.family, n.clamp(self.first, end));
        Some((number(clipped(first)), number(clipped(last))))
    }

    /// Whether a CIDR is one of the parts; its host bits do not count.
    pub(super) fn is_part(&self, cidr: &Cidr) -> bool {
        cidr.length() == self.prefix
    }

    fn host_bits(&self) -> u32 {
        (self.family.bits() - self.prefix).into()
    }

    fn host_mask(&self) -> u128 {
        1_u128.checked_shl(self.host_bits()).map_or(u128::MAX, |size| size - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn parts_cover_the_whole_once() {
        for (whole, prefix, count) in [
            ("10.244.0.0/16", 24, 256),
            ("10.244.7.9/24", 24, 1),
            ("10.244.7.0/24", 32, 256),
            ("0.0.0.0/0", 8, 256),
            ("fd00:1::/56", 64, 256),
        ] {
            let (whole, mut end) = (cidr(whole), None);
            let parts = split(&whole, prefix).unwrap();
            assert_eq!(parts.size_hint(), (count, Some(count)));
            for part in parts {
                let begin = to_number(part.first());
                assert_eq!(begin, end.unwrap_or(to_number(whole.first())));
                end = Some(to_number(part.last()) + 1);
            }
            assert_eq!(end.unwrap() - 1, to_number(whole.last()));
        }
    }

    #[test]
    fn the_greatest_and_the_smallest_split_do_not_overflow() {
        let mut all = split(&cidr("::/0"), 128).unwrap();
        assert_eq!(all.size_hint(), (usize::MAX, None));
        assert_eq!(all.nth(9).unwrap().to_string(), "::9/128");
        assert_eq!(split(&cidr("::/0"), 0).unwrap().map(|c| c.to_string()).collect::<Vec<_>>(), ["::/0"]);
        assert!(split(&cidr("10.0.0.0/8"), 7).is_err() && split(&cidr("10.0.0.0/8"), 33).is_err());
    }

    #[test]
    fn what_a_cidr_touches_is_clipped_to_the_whole() {
        let blocks = Blocks::new(&cidr("10.244.0.0/16"), 24).unwrap();
        for (other, touched) in [
            ("10.244.3.0/24", Some((3, 3))),
            ("10.244.3.128/25", Some((3, 3))),
            ("10.244.2.0/23", Some((2, 3))),
            ("10.0.0.0/8", Some((0, 255))),
            ("10.245.0.0/24", None),
            ("10.243.255.0/24", None),
            ("fd00::/64", None),
        ] {
            assert_eq!(blocks.touched(&cidr(other)), touched, "{other}");
        }
    }
}
