//! Saving a pool, and proving what was saved before it is a pool again.

use std::net::IpAddr;

use super::Pool;
use crate::ipam::{
    error::{IpamError, StateProblem},
    owner::{Owner, is_container_id},
    policy::{Policy, PoolOptions},
    range::{Range, RangeSet, RangeSpec, Ranges, Strictness},
    state::{LeaseState, PoolState, RangeState, RestingState, SetState},
};

impl Pool {
    /// Everything the pool knows.
    #[must_use]
    pub fn state(&self) -> PoolState {
        let range = |range: &Range| RangeState {
            subnet: range.subnet().to_string(),
            start: range.start(),
            end: range.end(),
            gateway: range.gateway(),
        };
        let sets = self.ranges.sets().iter().zip(&self.sets).map(|(ranges, set)| {
            let resting = self.leases.linked(set.resting.first()).map(|(_, lease)| RestingState {
                address: lease.address,
                released: lease.released.0,
                release: lease.released.1,
            });
            SetState {
                ranges: ranges.ranges().iter().map(range).collect(),
                last_given: set.last,
                releases: set.resting.releases,
                resting: resting.collect(),
            }
        });
        let leases = self.held().map(|(address, owner)| LeaseState {
            address,
            container: owner.container().to_owned(),
            interface: owner.interface().to_owned(),
        });
        PoolState {
            version: PoolState::VERSION,
            policy: self.options.policy,
            now: self.now,
            sets: sets.collect(),
            leases: leases.collect(),
        }
    }

    /// The pool that was saved, with the default [`hash_seed`](PoolOptions::hash_seed).
    ///
    /// # Errors
    ///
    /// [`IpamError::State`] naming what is wrong and where.
    pub fn restore(state: &PoolState) -> Result<Self, IpamError> {
        Self::restore_seeded(state, PoolOptions::default().hash_seed)
    }

    /// As [`restore`](Self::restore), with a [`hash_seed`](PoolOptions::hash_seed).
    ///
    /// # Errors
    ///
    /// [`IpamError::State`] naming what is wrong and where.
    pub fn restore_seeded(state: &PoolState, hash_seed: u64) -> Result<Self, IpamError> {
        let (expected, found) = (PoolState::VERSION, state.version);
        if found != expected {
            return Err(damaged("version", StateProblem::Version { expected, found }));
        }
        let options = PoolOptions::new(state.policy).hash_seed(hash_seed);
        let mut pool = Self::new(restore_ranges(&state.sets)?, options);
        pool.now = state.now;
        pool.reserve(state.leases.len());
        for (index, lease) in state.leases.iter().enumerate() {
            restore_lease(&mut pool, lease)
                .map_err(|problem| damaged(format!("leases[{index}]"), problem))?;
        }
        for (index, set) in state.sets.iter().enumerate() {
            pool.set_last_given(index, set.last_given);
            for (turn, resting) in set.resting.iter().enumerate() {
                restore_resting(&mut pool, index, set, resting)
                    .map_err(|problem| damaged(format!("sets[{index}].resting[{turn}]"), problem))?;
            }
            if let Some(restored) = pool.sets.get_mut(index) {
                restored.resting.releases = set.releases;
            }
            pool.end_rests(index);
        }
        Ok(pool)
    }
}

fn restore_ranges(sets: &[SetState]) -> Result<Ranges, IpamError> {
    if sets.is_empty() {
        return Ok(Ranges::none());
    }
    let mut restored = Vec::with_capacity(sets.len());
    for (index, set) in sets.iter().enumerate() {
        let mut ranges = Vec::with_capacity(set.ranges.len());
        for (number, range) in set.ranges.iter().enumerate() {
            let range = restore_range(range)
                .map_err(|problem| damaged(format!("sets[{index}].ranges[{number}]"), problem))?;
            ranges.push(range);
        }
        let set = RangeSet::new(ranges)
            .map_err(|problem| damaged(format!("sets[{index}]"), StateProblem::Range(problem)))?;
        restored.push(set);
    }
    Ranges::new(restored).map_err(|error| match error {
        IpamError::Overlap { first, second } => damaged("sets", StateProblem::Overlap { first, second }),
        other => other,
    })
}

fn restore_range(range: &RangeState) -> Result<Range, StateProblem> {
    let subnet = range
        .subnet
        .parse()
        .map_err(|_| StateProblem::Subnet { found: range.subnet.chars().take(64).collect() })?;
    let spec =
        RangeSpec::new(subnet).start(Some(range.start)).end(Some(range.end)).gateway(Some(range.gateway));
    Range::new(&spec, Strictness::HostLocal).map_err(StateProblem::Range)
}

fn restore_lease(pool: &mut Pool, lease: &LeaseState) -> Result<(), StateProblem> {
    let owner = match lease.interface.as_str() {
        "" if is_container_id(&lease.container) => Owner::whole_container(&lease.container),
        // Without an interface it is the container ID that is wrong, and named first.
        interface => Owner::new(&lease.container, interface).map_err(|error| match error {
            IpamError::Owner { problem, found } => StateProblem::Owner { problem, found },
            other => StateProblem::Shape { message: other.to_string() },
        })?,
    };
    if pool.hold(lease.address, owner) { Ok(()) } else { Err(StateProblem::Twice { address: lease.address }) }
}

fn restore_resting(
    pool: &mut Pool,
    index: usize,
    set: &SetState,
    resting: &RestingState,
) -> Result<(), StateProblem> {
    let address: IpAddr = pool.resolve(resting.address);
    let Policy::Rest(_) = pool.options.policy else { return Err(StateProblem::NoRest) };
    if pool.leases.find(address).is_some() {
        return Err(StateProblem::Twice { address });
    }
    let elsewhere = StateProblem::Elsewhere { address };
    let Some(state) = pool.sets.get_mut(index) else { return Err(elsewhere) };
    let before = state.resting.last_released(&pool.leases);
    let released = (resting.released, resting.release);
    if released.0 < before.0 || released.1 <= before.1 || released.0 > pool.now || released.1 > set.releases {
        return Err(StateProblem::Released { address });
    }
    if !state.addresses.take(address) {
        return Err(elsewhere);
    }
    let at = pool.leases.insert(address, Some(index));
    state.resting.push_released(&mut pool.leases, at, released);
    Ok(())
}

fn damaged(at: impl Into<String>, problem: StateProblem) -> IpamError {
    IpamError::State { at: at.into(), problem }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ipam::{OwnerProblem, PoolState, RangeProblem, Rest};

    /// A pool with everything in its state: two sets, a whole container, an address outside, one that rests.
    fn pool() -> Pool {
        let ranges = Ranges::of_subnets(&["10.1.2.0/24".parse().unwrap(), "fd00::/64".parse().unwrap()]);
        let policy = Policy::Rest(Rest::time(Duration::from_secs(60)));
        let mut pool = Pool::new(ranges.unwrap(), PoolOptions::new(policy));
        pool.advance(Duration::from_secs(1_000));
        let owner = Owner::new("a", "eth0").unwrap();
        for (address, owner) in [
            ("10.1.2.9", owner),
            ("10.9.9.9", Owner::new("b", "net1").unwrap()),
            ("fd00::7", Owner::new("b", "net1").unwrap()),
        ] {
            assert!(pool.hold(address.parse().unwrap(), owner));
        }
        assert!(pool.hold_container("10.1.2.8".parse().unwrap(), "old"));
        pool.release(owner);
        pool.set_last_given(1, Some("fd00::7".parse().unwrap()));
        pool
    }

    #[test]
    fn a_state_is_the_same_text_each_time_and_restores_the_same_pool() {
        let json = pool().state().to_json();
        assert_eq!(
            json,
            r#"{"version":1,"policy":{"rest":{"time":{"secs":60,"nanos":0},"releases":0,"oldestIfExhausted":false}},"#
                .to_owned()
                + r#""now":{"secs":1000,"nanos":0},"sets":[{"ranges":[{"subnet":"10.1.2.0/24","start":"10.1.2.1","#
                + r#""end":"10.1.2.254","gateway":"10.1.2.1"}],"releases":1,"resting":[{"address":"10.1.2.9","#
                + r#""released":{"secs":1000,"nanos":0},"release":1}]},{"ranges":[{"subnet":"fd00::/64","#
                + r#""start":"fd00::1","end":"fd00::ffff:ffff:ffff:ffff","gateway":"fd00::1"}],"lastGiven":"fd00::7"}],"#
                + r#""leases":[{"address":"10.1.2.8","container":"old"},{"address":"10.9.9.9","container":"b","#
                + r#""interface":"net1"},{"address":"fd00::7","container":"b","interface":"net1"}]}"#
        );
        let again = Pool::restore(&PoolState::from_json(json.as_bytes()).unwrap()).unwrap();
        assert_eq!(again.state(), pool().state());
        assert_eq!(again.resting(0).count(), 1);
        assert_eq!((again.usage(0), again.usage(1)), (pool().usage(0), pool().usage(1)));
    }

    #[test]
    fn what_is_damaged_is_named_with_its_place() {
        let json = pool().state().to_json();
        let damage = |from: &str, to: &str| {
            let damaged = json.replacen(from, to, 1);
            assert_ne!(damaged, json, "{from}");
            match PoolState::from_json(damaged.as_bytes()).and_then(|state| Pool::restore(&state)) {
                Err(IpamError::State { at, problem }) => (at, problem),
                other => panic!("{from} to {to}: {other:?}"),
            }
        };
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for (from, to, at, problem) in [
            ("\"version\":1", "\"version\":2", "version", StateProblem::Version { expected: 1, found: 2 }),
            (
                "10.1.2.0/24",
                "10.1.2.0",
                "sets[0].ranges[0]",
                StateProblem::Subnet { found: "10.1.2.0".into() },
            ),
            (
                "fd00::7\"}],",
                "fd00::7\"},{\"ranges\":[]}],",
                "sets[2]",
                StateProblem::Range(RangeProblem::Empty),
            ),
            (
                "\"container\":\"b\"",
                "\"container\":\"b/\"",
                "leases[1]",
                StateProblem::Owner { problem: OwnerProblem::ContainerId, found: "b/".into() },
            ),
            (
                "\"container\":\"old\"",
                "\"container\":\"\"",
                "leases[0]",
                StateProblem::Owner { problem: OwnerProblem::ContainerId, found: String::new() },
            ),
            ("10.9.9.9", "10.1.2.8", "leases[1]", StateProblem::Twice { address: address("10.1.2.8") }),
            (
                "\"resting\":[{\"address\":\"10.1.2.9\"",
                "\"resting\":[{\"address\":\"10.1.2.8\"",
                "sets[0].resting[0]",
                StateProblem::Twice { address: address("10.1.2.8") },
            ),
            (
                "\"resting\":[{\"address\":\"10.1.2.9\"",
                "\"resting\":[{\"address\":\"10.1.2.1\"",
                "sets[0].resting[0]",
                StateProblem::Elsewhere { address: address("10.1.2.1") },
            ),
            (
                "\"release\":1",
                "\"release\":2",
                "sets[0].resting[0]",
                StateProblem::Released { address: address("10.1.2.9") },
            ),
            (
                "{\"rest\":{\"time\":{\"secs\":60,\"nanos\":0},\"releases\":0,\"oldestIfExhausted\":false}}",
                "\"nextFit\"",
                "sets[0].resting[0]",
                StateProblem::NoRest,
            ),
        ] {
            assert_eq!(damage(from, to), (at.to_owned(), problem), "{from} to {to}");
        }
        let (at, problem) = damage("10.9.9.9", "10.9.9");
        assert!(at.starts_with("line 1 column ") && matches!(problem, StateProblem::Shape { .. }), "{at}");
        assert!(matches!(damage("\"leases\"", "\"more\":1,\"leases\"").1, StateProblem::Shape { .. }));
    }
}
