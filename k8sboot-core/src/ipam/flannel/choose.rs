//! Which subnets are free.

use super::{config::SubnetRange, key::SubnetKey};
use crate::cidr::{Cidr, from_number, to_number};

/// The first free subnets of a range, at most `limit`, in ascending order.
///
/// `taken` is what is leased or reserved, of any length and in any order. The cost follows the number of taken subnets,
/// not the size of the network.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::flannel::{NetworkConfig, free_subnets};
/// let config: NetworkConfig = r#"{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}"#.parse()?;
/// let range = config.ipv4().expect("IPv4 is on by default");
/// let free = free_subnets(range, &["10.244.1.0/24".parse()?], 2);
/// assert_eq!(free, ["10.244.2.0/24".parse()?, "10.244.3.0/24".parse()?]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn free_subnets(range: &SubnetRange, taken: &[Cidr], limit: usize) -> Vec<Cidr> {
    let family = range.network().family();
    let mut occupied: Vec<(u128, u128)> = taken
        .iter()
        .filter(|cidr| cidr.family() == family)
        .map(|cidr| (to_number(cidr.first()), to_number(cidr.last())))
        .collect();
    occupied.sort_unstable();
    let step =
        1u128.checked_shl(u32::from(family.bits().saturating_sub(range.length()))).unwrap_or(u128::MAX);
    let last = to_number(range.last());
    let (mut at, mut ahead) = (Some(to_number(range.first())), occupied.iter().peekable());
    let mut free = Vec::new();
    while let Some(start) = at.filter(|start| *start <= last && free.len() < limit) {
        let end = start.saturating_add(step - 1);
        // What ends before this subnet concerns no later one either.
        while ahead.next_if(|(_, to)| *to < start).is_some() {}
        let hit =
            ahead.clone().take_while(|(from, _)| *from <= end).map(|(_, to)| *to).find(|to| *to >= start);
        at = match hit {
            // Past the taken one, aligned like all others.
            Some(to) => ((to - start) / step + 1).checked_mul(step).and_then(|skip| start.checked_add(skip)),
            None => {
                free.extend(Cidr::new(from_number(family, start), range.length()));
                start.checked_add(step)
            }
        };
    }
    free
}

/// Two subnets of a list that share an address, if there are any: flanneld does not rule that out in dual stack.
#[must_use]
pub fn overlap(keys: &[SubnetKey]) -> Option<(&SubnetKey, &SubnetKey)> {
    keys.iter()
        .enumerate()
        .find_map(|(index, one)| Some((one, keys.iter().skip(index + 1).find(|other| one.overlaps(other))?)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{cidr::Family, ipam::flannel::NetworkConfig};

    fn range(text: &str) -> SubnetRange {
        text.parse::<NetworkConfig>().unwrap().ipv4().unwrap().clone()
    }

    #[test]
    fn a_full_range_has_none() {
        let range = range(r#"{"Network":"10.0.0.0/28"}"#);
        let taken: Vec<Cidr> =
            ["10.0.0.12/30", "10.0.0.4/31", "10.0.0.8/30"].map(|c| c.parse().unwrap()).to_vec();
        assert!(free_subnets(&range, &taken, 9).is_empty());
        assert_eq!(free_subnets(&range, &[], 9).len(), 3);
        assert!(free_subnets(&range, &["0.0.0.0/0".parse().unwrap()], 9).is_empty());
    }

    #[test]
    fn the_last_addresses_there_are_do_not_overflow() {
        let range = range(r#"{"Network":"255.255.255.0/24","SubnetMin":"255.255.255.64"}"#);
        assert_eq!(free_subnets(&range, &[], 9).len(), 3);
        let config: NetworkConfig =
            r#"{"Network":"10.0.0.0/16","EnableIPv6":true,"IPv6Network":"ffff:ffff::/32",
            "IPv6SubnetMin":"ffff:ffff:ffff:ffff::"}"#
                .parse()
                .unwrap();
        assert_eq!(free_subnets(config.ipv6().unwrap(), &[], 9).len(), 1);
    }

    fn cidr(host: u128, length: u8) -> Cidr {
        Cidr::new(from_number(Family::V4, (10 << 24) + host), length).unwrap()
    }

    proptest! {
        /// As flanneld's loop over every candidate and every lease.
        #[test]
        fn agrees_with_a_plain_search(taken in proptest::collection::vec((0u128..1024, 20u8..=31), 0..24)) {
            let range = range(r#"{"Network":"10.0.0.0/22","SubnetLen":26}"#);
            let taken: Vec<Cidr> = taken.iter().map(|(host, length)| cidr(*host, *length)).collect();
            let plain: Vec<Cidr> = (1..16)
                .map(|n| cidr(n * 64, 26))
                .filter(|subnet| !taken.iter().any(|other| other.overlaps(subnet)))
                .take(5)
                .collect();
            prop_assert_eq!(free_subnets(&range, &taken, 5), plain);
        }
    }
}
