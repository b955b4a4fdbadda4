//! Random work on a pool and on its model: after every operation both say the same.

use std::{net::IpAddr, time::Duration};

use k8sboot_core::ipam::{
    Allocation, Owner, Policy, Pool, PoolOptions, PoolState, RangeSpec, Ranges, Repeat, Request, Rest,
    Strictness,
};

use super::model::{Model, addresses, kind};

/// How many operations all worlds do together.
const OPERATIONS: usize = 1_020_000;

/// Numbers that are the same in every run (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Subnet, start, end, gateway; an empty text leaves it out.
type Spec = [&'static str; 4];

fn shapes() -> Vec<Vec<Vec<Spec>>> {
    let whole = |subnet| [subnet, "", "", ""];
    vec![
        vec![vec![whole("10.1.2.0/29")]],
        vec![vec![whole("10.1.2.0/27")]],
        vec![vec![whole("2001:db8::/125")]],
        // Only the start of it is ever reached.
        vec![vec![whole("2001:db8::/64")]],
        vec![vec![whole("10.0.0.0/8")]],
        // The network's own and the broadcast address, the gateway elsewhere.
        vec![vec![["10.1.2.0/30", "10.1.2.0", "10.1.2.3", "10.9.9.9"]]],
        vec![vec![whole("10.1.2.0/30"), ["10.7.0.0/16", "10.7.0.5", "10.7.0.6", ""]]],
        // Out of order; the gateway of one is inside another; one holds nothing but its gateway.
        vec![vec![
            ["10.1.2.0/24", "10.1.2.40", "10.1.2.44", "10.1.2.21"],
            ["10.1.2.0/24", "10.1.2.20", "10.1.2.22", "10.1.2.42"],
            ["10.1.2.0/24", "10.1.2.30", "10.1.2.30", "10.1.2.30"],
            ["10.1.2.0/24", "10.1.2.10", "10.1.2.12", "10.1.2.11"],
        ]],
        vec![vec![whole("10.1.2.0/28")], vec![whole("2001:db8::/124")]],
        vec![
            vec![["fd00::/64", "fd00::10", "fd00::13", ""], ["fd00::/64", "fd00::20", "fd00::23", ""]],
            vec![whole("10.1.2.0/28")],
            vec![["10.1.2.0/24", "10.1.2.200", "10.1.2.208", ""]],
        ],
        // Around the words and pages of bitmaps.
        vec![vec![["10.1.2.0/24", "10.1.2.1", "10.1.2.66", ""]]],
        vec![vec![["fd00::/64", "fd00::1", "fd00::41", "fd00::9"]]],
    ]
}

fn policies() -> [Policy; 5] {
    let time = Rest::time(Duration::from_secs(20));
    let mut both = Rest::releases(2);
    both.time = Duration::from_secs(5);
    [
        Policy::NextFit,
        Policy::Lowest,
        Policy::Rest(time),
        Policy::Rest(Rest::releases(3).oldest_if_exhausted(true)),
        Policy::Rest(both.oldest_if_exhausted(true)),
    ]
}

fn ranges(shape: &[Vec<Spec>]) -> Ranges {
    let address = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
    let spec = |[subnet, start, end, gateway]: &Spec| {
        RangeSpec::new(subnet.parse().unwrap())
            .start(address(start))
            .end(address(end))
            .gateway(address(gateway))
    };
    let sets: Vec<Vec<RangeSpec>> = shape.iter().map(|set| set.iter().map(spec).collect()).collect();
    Ranges::of_specs(&sets, Strictness::HostLocal).unwrap()
}

/// A pool, its model, and what can happen to them.
struct World {
    pool: Pool,
    model: Model,
    random: Random,
    containers: Vec<String>,
    out: Allocation,
    now: Duration,
    what: String,
}

impl World {
    fn new(shape: &[Vec<Spec>], policy: Policy, seed: u64) -> Self {
        let ranges = ranges(shape);
        let mut containers: Vec<String> = (0..14).map(|n| format!("c{n}")).collect();
        containers.push("f".repeat(64));
        containers.push("e".repeat(300));
        Self {
            model: Model::new(&ranges, policy),
            // Half of the worlds with another hash: it must change nothing.
            pool: Pool::new(ranges, PoolOptions::new(policy).hash_seed(seed % 2 * seed)),
            random: Random(seed),
            containers,
            out: Allocation::new(),
            now: Duration::ZERO,
            what: format!("{shape:?}, {policy:?}, seed {seed}"),
        }
    }

    /// An address in or just beside a range, or the one given last.
    fn address(&mut self) -> IpAddr {
        let set = self.random.below(self.model.sets.len());
        let range = self.random.of(self.pool.ranges().sets()[set].ranges()).clone();
        let from =
            [range.start(), range.end(), range.gateway(), self.pool.last_given(set).unwrap_or(range.start())];
        let mut address = *self.random.of(&from);
        for _ in 0..self.random.below(9) {
            address = super::model::next(address);
        }
        address
    }

    fn step(&mut self) {
        let container = self.random.of(&self.containers).clone();
        let interface = *self.random.of(&["eth0", "net1"]);
        let owner = Owner::new(&container, interface).unwrap();
        match self.random.below(100) {
            0..50 => {
                let count = [0, 0, 0, 0, 1, 1, 2, 3][self.random.below(8)];
                let wanted: Vec<IpAddr> = (0..count).map(|_| self.address()).collect();
                let repeat = *self.random.of(&[Repeat::Same, Repeat::Refuse]);
                let request = Request::new(owner).addresses(&wanted).repeat(repeat);
                let given = self.pool.allocate(&request, &mut self.out).map(|()| addresses(&self.out));
                let given = given.map_err(|error| kind(&error));
                assert_eq!(given, self.model.allocate(&request), "{request:?} in {}", self.what);
                assert!(given.is_ok() || self.out.is_empty());
            }
            50..75 => {
                assert_eq!(
                    self.pool.find(owner).collect::<Vec<_>>(),
                    self.model.find(owner),
                    "{}",
                    self.what
                );
                assert_eq!(self.pool.release(owner), self.model.release(owner), "{}", self.what);
            }
            75..83 => {
                let address = self.address();
                assert_eq!(
                    self.pool.release_address(address),
                    self.model.release_address(address),
                    "{}",
                    self.what
                );
            }
            83..88 => {
                let address = self.address();
                let held = self.pool.hold(address, owner);
                assert_eq!(
                    held,
                    self.model.hold(address, &container, interface),
                    "{address} in {}",
                    self.what
                );
            }
            88..91 => {
                let address = self.address();
                let held = self.pool.hold_container(address, &container);
                assert_eq!(held, self.model.hold(address, &container, ""), "{address} in {}", self.what);
            }
            91..97 => {
                self.now += Duration::from_secs(self.random.below(9) as u64);
                self.pool.advance(self.now);
                self.model.advance(self.now);
            }
            _ => {
                let set = self.random.below(self.model.sets.len());
                let address = Some(self.address()).filter(|_| self.random.below(4) > 0);
                self.pool.set_last_given(set, address);
                self.model.sets[set].last = address;
            }
        }
    }

    /// Compares the counts and the addresses given last.
    fn count(&mut self) {
        for set in 0..self.model.sets.len() {
            let usage = self.pool.usage(set).unwrap();
            assert_eq!((usage.held, usage.resting), self.model.usage(set), "{}", self.what);
            assert_eq!(self.pool.last_given(set), self.model.sets[set].last, "{}", self.what);
        }
    }

    /// Compares everything, and goes on with a restored pool.
    fn compare(&mut self) {
        let held: Vec<_> = self
            .pool
            .held()
            .map(|(address, owner)| (address, owner.container(), owner.interface()))
            .collect();
        assert_eq!(held, self.model.held().collect::<Vec<_>>(), "{}", self.what);
        for (set, model) in self.model.sets.iter().enumerate() {
            let resting: Vec<_> = self.pool.resting(set).collect();
            let expected: Vec<_> =
                model.resting.iter().map(|(address, since, _)| (*address, *since)).collect();
            assert_eq!(resting, expected, "{}", self.what);
        }
        let address = self.address();
        let owner = self.pool.owner_of(address).map(|owner| (owner.container(), owner.interface()));
        assert_eq!(owner, self.model.owner_of(address), "{address} in {}", self.what);
        let state = self.pool.state();
        let json = state.to_json();
        self.pool = Pool::restore(&PoolState::from_json(json.as_bytes()).unwrap()).unwrap();
        assert_eq!(self.pool.state(), state, "{}", self.what);
    }
}

#[test]
fn a_pool_does_what_its_model_does() {
    let worlds: Vec<_> =
        shapes().into_iter().flat_map(|shape| policies().map(|policy| (shape.clone(), policy))).collect();
    let steps = OPERATIONS / worlds.len();
    for (seed, (shape, policy)) in worlds.iter().enumerate() {
        let mut world = World::new(shape, *policy, seed as u64 + 1);
        for step in 0..steps {
            world.step();
            if step % 8 == 0 {
                world.count();
            }
            if step % 300 == 0 {
                world.compare();
            }
        }
        world.compare();
    }
}
