//! A pool written down as plainly as the rules are told, with no thought of cost.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use k8sboot_core::ipam::{Allocation, IpamError, Owner, Policy, Ranges, Repeat, Request};

/// First address, last address, gateway.
pub(crate) type Range = (IpAddr, IpAddr, IpAddr);

/// Container and interface; a whole container has an empty one.
type Name = (String, String);

/// What a pool is to do.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) sets: Vec<Set>,
    held: BTreeMap<IpAddr, Name>,
    policy: Policy,
    now: Duration,
}

/// One range set.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    ranges: Vec<Range>,
    pub(crate) last: Option<IpAddr>,
    /// Resting addresses, when each was released, and as which release.
    pub(crate) resting: Vec<(IpAddr, Duration, u64)>,
    releases: u64,
}

/// One address further.
pub(crate) fn next(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::from((u32::from(v4).wrapping_add(1)).to_be_bytes()),
        IpAddr::V6(v6) => IpAddr::from((u128::from(v6).wrapping_add(1)).to_be_bytes()),
    }
}

impl Set {
    /// The candidates of host-local, in its order. Source: host-local, order of allocation.
    pub(crate) fn candidates(&self, marker: Option<IpAddr>) -> impl Iterator<Item = IpAddr> {
        let holding =
            |marker: IpAddr| self.ranges.iter().position(|(start, end, _)| (*start..=*end).contains(&marker));
        let (mut index, mut at) = (0, self.ranges[0].0);
        if let Some(marker) = marker
            && let Some(held) = holding(marker)
        {
            (index, at) = self.step(held, marker);
        }
        let first = (index, at);
        let mut done = false;
        std::iter::from_fn(move || {
            if done {
                return None;
            }
            let candidate = (index, at);
            (index, at) = self.step(index, at);
            done = (index, at) == first;
            Some(candidate)
        })
        .filter(|(index, candidate)| self.ranges[*index].2 != *candidate)
        .map(|(_, candidate)| candidate)
    }

    /// One further; at the end of a range the start of the next, cyclically.
    fn step(&self, index: usize, at: IpAddr) -> (usize, IpAddr) {
        if at != self.ranges[index].1 {
            return (index, next(at));
        }
        let index = (index + 1) % self.ranges.len();
        (index, self.ranges[index].0)
    }

    fn range_of(&self, address: IpAddr) -> Option<Range> {
        self.ranges.iter().copied().find(|(start, end, _)| (*start..=*end).contains(&address))
    }
}

impl Model {
    pub(crate) fn new(ranges: &Ranges, policy: Policy) -> Self {
        let set = |set: &k8sboot_core::ipam::RangeSet| Set {
            ranges: set.ranges().iter().map(|r| (r.start(), r.end(), r.gateway())).collect(),
            last: None,
            resting: Vec::new(),
            releases: 0,
        };
        let sets = ranges.sets().iter().map(set).collect();
        Self { sets, held: BTreeMap::new(), policy, now: Duration::ZERO }
    }

    pub(crate) fn held(&self) -> impl Iterator<Item = (IpAddr, &str, &str)> {
        self.held
            .iter()
            .map(|(address, (container, interface))| (*address, container.as_str(), interface.as_str()))
    }

    pub(crate) fn owner_of(&self, address: IpAddr) -> Option<(&str, &str)> {
        self.held.get(&address).map(|(container, interface)| (container.as_str(), interface.as_str()))
    }

    /// Held, resting.
    pub(crate) fn usage(&self, set: usize) -> (u128, u128) {
        let counts = |address: &&IpAddr| self.sets[set].range_of(**address).is_some_and(|r| r.2 != **address);
        (self.held.keys().filter(counts).count() as u128, self.sets[set].resting.len() as u128)
    }

    pub(crate) fn find(&self, owner: Owner<'_>) -> Vec<IpAddr> {
        let of = |interface: &str| -> Vec<IpAddr> {
            let is = |name: &Name| name.0 == owner.container() && name.1 == interface;
            self.held.iter().filter(|(_, name)| is(name)).map(|(address, _)| *address).collect()
        };
        let exact = of(owner.interface());
        if exact.is_empty() { of("") } else { exact }
    }

    /// The addresses given, or what kind of error.
    pub(crate) fn allocate(&mut self, request: &Request<'_>) -> Result<Vec<IpAddr>, &'static str> {
        let name: Name = (request.owner.container().into(), request.owner.interface().into());
        let mut wanted = request.addresses.to_vec();
        let mut given = Vec::new();
        for set in &self.sets {
            if let Some(at) = wanted.iter().position(|address| set.range_of(*address).is_some()) {
                let address = wanted[at];
                wanted.retain(|other| *other != address);
                if set.range_of(address).is_some_and(|range| range.2 == address) {
                    return Err("gateway");
                }
                match self.held.get(&address) {
                    Some(holder) if *holder != name || request.repeat == Repeat::Refuse => {
                        return Err("taken");
                    }
                    _ => given.push((address, true)),
                }
                continue;
            }
            let in_set = |interface: &str| {
                let is = |(address, holder): &(&IpAddr, &Name)| {
                    holder.0 == name.0 && holder.1 == interface && set.range_of(**address).is_some()
                };
                self.held.iter().find(is).map(|(address, _)| *address)
            };
            match in_set(&name.1) {
                Some(address)
                    if request.repeat == Repeat::Same && set.range_of(address).unwrap().2 != address =>
                {
                    given.push((address, false));
                    continue;
                }
                Some(_) => return Err("duplicate"),
                None if in_set("").is_some() => return Err("duplicate"),
                None => {}
            }
            let rests = |address: &IpAddr| set.resting.iter().any(|resting| resting.0 == *address);
            let is_free = |address: &IpAddr| !self.held.contains_key(address) && !rests(address);
            let marker = if self.policy == Policy::Lowest { None } else { set.last };
            let mut found = set.candidates(marker).find(is_free);
            if let (None, Policy::Rest(rest)) = (found, self.policy)
                && rest.oldest_if_exhausted
            {
                found = set.resting.first().map(|resting| resting.0);
            }
            given.push((found.ok_or("exhausted")?, true));
        }
        if !wanted.is_empty() {
            return Err("unplaced");
        }
        for (set, (address, moves)) in self.sets.iter_mut().zip(&given) {
            self.held.insert(*address, name.clone());
            set.resting.retain(|resting| resting.0 != *address);
            if *moves {
                set.last = Some(*address);
            }
        }
        Ok(given.into_iter().map(|(address, _)| address).collect())
    }

    pub(crate) fn release(&mut self, owner: Owner<'_>) -> Vec<IpAddr> {
        let freed = self.find(owner);
        freed.iter().for_each(|address| assert!(self.release_address(*address)));
        freed
    }

    pub(crate) fn release_address(&mut self, address: IpAddr) -> bool {
        let was = self.held.remove(&address).is_some();
        if let (true, Policy::Rest(_)) = (was, self.policy)
            && let Some(set) =
                self.sets.iter_mut().find(|set| set.range_of(address).is_some_and(|r| r.2 != address))
        {
            set.releases += 1;
            set.resting.push((address, self.now, set.releases));
        }
        self.end_rests();
        was
    }

    pub(crate) fn hold(&mut self, address: IpAddr, container: &str, interface: &str) -> bool {
        if self.held.contains_key(&address) {
            return false;
        }
        self.held.insert(address, (container.into(), interface.into()));
        self.sets.iter_mut().for_each(|set| set.resting.retain(|resting| resting.0 != address));
        true
    }

    pub(crate) fn advance(&mut self, now: Duration) {
        self.now = self.now.max(now);
        self.end_rests();
    }

    fn end_rests(&mut self) {
        let Policy::Rest(rest) = self.policy else { return };
        for set in &mut self.sets {
            let (now, releases) = (self.now, set.releases);
            set.resting
                .retain(|(_, since, turn)| now - *since < rest.time || releases - turn < rest.releases);
        }
    }
}

/// What kind of error the pool gave, in the model's words.
pub(crate) fn kind(error: &IpamError) -> &'static str {
    match error {
        IpamError::Exhausted { .. } => "exhausted",
        IpamError::Duplicate { .. } => "duplicate",
        IpamError::Gateway { .. } => "gateway",
        IpamError::Taken { .. } => "taken",
        IpamError::Unplaced { .. } => "unplaced",
        _ => "another",
    }
}

/// The addresses of an allocation.
pub(crate) fn addresses(given: &Allocation) -> Vec<IpAddr> {
    given.iter().map(|one| one.address).collect()
}
