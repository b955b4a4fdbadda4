//! The node subnets of one address family.

use std::collections::BTreeMap;

use super::ClusterCidr;
use crate::{
    cidr::Cidr,
    ipam::{
        bitmap::Bitmap,
        error::{IpamError, SplitProblem},
        split::Blocks,
    },
};

/// Source: Kubernetes, `clusterSubnetMaxDiff` in `pkg/controller/nodeipam/ipam/cidrset/cidr_set.go`.
const MOST_BITS: u8 = 16;
/// The most that are counted at all.
const MOST_BITS_EVER: u8 = 63;
/// A CIDR that touches more subnets than this is kept as two numbers; there are none with the limit in force.
const WIDE: u128 = 1 << MOST_BITS;

/// Which subnets of a cluster CIDR are taken.
#[derive(Clone, Debug)]
pub(super) struct Family {
    cluster: ClusterCidr,
    pub(super) blocks: Blocks,
    taken: Bitmap,
    /// How many subnets are taken in the bitmap.
    count: u128,
    /// Where the search begins: after the subnet given last.
    next: u128,
    /// How many more CIDRs than one touch a subnet.
    shared: BTreeMap<u128, usize>,
    /// What touches very many subnets, first and last.
    wide: Vec<(u128, u128)>,
}

impl Family {
    pub(super) fn new(cluster: &ClusterCidr, limited: bool) -> Result<Self, IpamError> {
        let blocks = Blocks::new(&cluster.cidr, cluster.node_prefix)?;
        let bits = cluster.node_prefix - cluster.cidr.length();
        let (shortest, found) = (cluster.cidr.length(), cluster.node_prefix);
        let problem = if limited && bits > MOST_BITS {
            Some(SplitProblem::Limit { longest: shortest + MOST_BITS, found })
        } else {
            let longest = shortest.saturating_add(MOST_BITS_EVER);
            (found > longest).then_some(SplitProblem::Prefix { shortest, longest, found })
        };
        if let Some(problem) = problem {
            return Err(IpamError::Split { cidr: cluster.cidr.clone(), problem });
        }
        Ok(Self {
            cluster: cluster.clone(),
            taken: Bitmap::new(blocks.last),
            blocks,
            count: 0,
            next: 0,
            shared: BTreeMap::new(),
            wide: Vec::new(),
        })
    }

    pub(super) const fn cluster(&self) -> &ClusterCidr {
        &self.cluster
    }

    /// Taken and all.
    pub(super) fn usage(&self) -> (u128, u128) {
        let size = self.blocks.last.saturating_add(1);
        let wide = self.wide.iter().map(|(first, last)| (last - first).saturating_add(1));
        (wide.fold(self.count, u128::saturating_add).min(size), size)
    }

    /// The next free subnet: after the one given last, going round. Source: Kubernetes, `CidrSet.AllocateNext`.
    #[inline]
    pub(super) fn choose(&self) -> Option<u128> {
        if self.wide.is_empty() {
            return self.taken.next_free_around(self.next);
        }
        let after = |from: u128| {
            let mut at = from;
            loop {
                at = self.taken.next_free(at)?;
                let Some((_, last)) = self.wide.iter().find(|(first, last)| (*first..=*last).contains(&at))
                else {
                    return Some(at);
                };
                at = last.checked_add(1)?;
            }
        };
        after(self.next).or_else(|| after(0))
    }

    /// Begins the next search at a subnet, counted round.
    pub(super) const fn start_at(&mut self, number: u128) {
        self.next = match self.blocks.last.checked_add(1) {
            Some(size) => number % size,
            None => number,
        };
    }

    /// Takes what [`choose`](Self::choose) found.
    #[inline]
    pub(super) fn take(&mut self, block: u128) {
        self.claim(block);
        self.next = block.wrapping_add(1);
    }

    /// Whether anything touches one of the subnets; of very many at once it is not known.
    pub(super) fn is_touched(&self, (first, last): (u128, u128)) -> Option<bool> {
        let wide = |(begin, end): &(u128, u128)| *begin <= last && first <= *end;
        if self.wide.iter().any(wide) {
            return Some(true);
        }
        (last - first < WIDE).then(|| (first..=last).any(|at| self.taken.is_taken(at)))
    }

    /// Takes all subnets that a CIDR touches.
    pub(super) fn occupy(&mut self, (first, last): (u128, u128)) {
        if last - first >= WIDE {
            self.wide.push((first, last));
            return;
        }
        (first..=last).for_each(|block| self.claim(block));
    }

    /// Takes back one [`occupy`](Self::occupy) of the same subnets.
    pub(super) fn vacate(&mut self, (first, last): (u128, u128)) {
        if last - first >= WIDE {
            if let Some(at) = self.wide.iter().position(|wide| *wide == (first, last)) {
                self.wide.swap_remove(at);
            }
            return;
        }
        (first..=last).for_each(|block| self.free(block));
    }

    /// One more that holds a subnet.
    #[inline]
    pub(super) fn claim(&mut self, block: u128) {
        if self.taken.take(block) {
            self.count += 1;
        } else {
            *self.shared.entry(block).or_default() += 1;
        }
    }

    /// One less that holds a subnet.
    #[inline]
    pub(super) fn free(&mut self, block: u128) {
        if !self.shared.is_empty()
            && let Some(others) = self.shared.get_mut(&block)
        {
            *others -= 1;
            if *others == 0 {
                self.shared.remove(&block);
            }
        } else if self.taken.give(block) {
            self.count -= 1;
        }
    }

    /// The subnet of a number.
    #[inline]
    pub(super) fn cidr(&self, block: u128) -> Option<Cidr> {
        self.blocks.get(block)
    }
}
