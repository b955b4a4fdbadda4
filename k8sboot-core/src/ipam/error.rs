//! Why addresses cannot be configured or handed out.

use std::net::IpAddr;

use crate::{
    cidr::Cidr,
    error::{Code, Details, Problem, codes},
};

codes! {
    /// A range or range set of the configuration cannot be used.
    IPAM_RANGE = 4001,
    /// Two range sets share addresses.
    IPAM_OVERLAP = 4002,
    /// No range set is configured.
    IPAM_NO_RANGES = 4003,
    /// Every address of a range set is held.
    IPAM_EXHAUSTED = 4004,
    /// The owner holds an address of the range set already.
    IPAM_DUPLICATE = 4005,
    /// The requested address is the gateway.
    IPAM_GATEWAY = 4006,
    /// The requested address is held by somebody else.
    IPAM_TAKEN = 4007,
    /// A requested address is in no range set, or its range set was served already.
    IPAM_UNPLACED = 4008,
    /// A container ID or interface name is not valid.
    IPAM_OWNER = 4009,
    /// The address is not held.
    IPAM_NOT_HELD = 4010,
    /// The saved state of a pool is damaged.
    IPAM_STATE = 4011,
    /// A CIDR cannot be split so, or has no part left.
    IPAM_SPLIT = 4012,
    /// Not one cluster CIDR for each address family.
    IPAM_CLUSTER_CIDRS = 4013,
}

/// Why addresses cannot be configured or handed out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IpamError {
    /// A range or range set of the configuration cannot be used.
    #[error("ipam: range set {set}: {problem}")]
    #[non_exhaustive]
    Range {
        /// The index of the range set, from 0.
        set: usize,
        /// What is wrong with it.
        problem: RangeProblem,
    },
    /// Two range sets share addresses.
    #[error("ipam: range sets {first} and {second} share addresses: give each address to one set only")]
    #[non_exhaustive]
    Overlap {
        /// The index of the one, from 0.
        first: usize,
        /// The index of the other.
        second: usize,
    },
    /// No range set is configured.
    #[error("ipam: no range set is configured: expected at least one subnet")]
    #[non_exhaustive]
    NoRanges,
    /// Every address of a range set is held, or resting.
    #[error(
        "ipam: range set {set} is full ({held} of {size} addresses held, {resting} resting): release an address or add a range"
    )]
    #[non_exhaustive]
    Exhausted {
        /// The index of the range set, from 0.
        set: usize,
        /// How many of its addresses are held.
        held: u128,
        /// How many are free but resting after their release.
        resting: u128,
        /// How many can be held at most.
        size: u128,
    },
    /// The owner holds an address of the range set already.
    #[error("ipam: range set {set}: {owner} holds {address} already: release it first")]
    #[non_exhaustive]
    Duplicate {
        /// The index of the range set, from 0.
        set: usize,
        /// The address that is held.
        address: IpAddr,
        /// The container.
        owner: String,
    },
    /// The requested address is the gateway.
    #[error("ipam: range set {set}: {address} is the gateway: request another address")]
    #[non_exhaustive]
    Gateway {
        /// The index of the range set, from 0.
        set: usize,
        /// The requested address.
        address: IpAddr,
    },
    /// The requested address is held.
    #[error("ipam: range set {set}: {address} is held: request another address")]
    #[non_exhaustive]
    Taken {
        /// The index of the range set, from 0.
        set: usize,
        /// The requested address.
        address: IpAddr,
    },
    /// Requested addresses are in no range set, or their range set was served already.
    #[error("ipam: no range set can serve the requested {}", list(addresses))]
    #[non_exhaustive]
    Unplaced {
        /// The addresses, in the order of the request.
        addresses: Vec<IpAddr>,
    },
    /// A container ID or interface name is not valid.
    #[error("ipam: {problem}, found {found:?}")]
    #[non_exhaustive]
    Owner {
        /// What is wrong with it.
        problem: OwnerProblem,
        /// What was given, cut to 64 characters.
        found: String,
    },
    /// The address is not held.
    #[error("ipam: {address} is not held")]
    #[non_exhaustive]
    NotHeld {
        /// The address.
        address: IpAddr,
    },
    /// The saved state of a pool is damaged.
    #[error("ipam: state of a pool: {at}: {problem}: restore an older one, or begin with an empty pool")]
    #[non_exhaustive]
    State {
        /// Where, for example `leases[17]`.
        at: String,
        /// What is wrong there.
        problem: StateProblem,
    },
    /// A CIDR cannot be split so, or has no part left.
    #[error("ipam: {cidr}: {problem}")]
    #[non_exhaustive]
    Split {
        /// The CIDR.
        cidr: Cidr,
        /// What is wrong.
        problem: SplitProblem,
    },
    /// Not one cluster CIDR for each address family.
    #[error("ipam: expected one cluster CIDR, or one of each address family, found {}", list(found))]
    #[non_exhaustive]
    ClusterCidrs {
        /// What was given.
        found: Vec<Cidr>,
    },
}

/// Why a CIDR cannot be split, or gives no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitProblem {
    /// The prefix length of the parts does not fit.
    #[error("expected parts with a prefix of {shortest} to {longest}, found {found}")]
    #[non_exhaustive]
    Prefix {
        /// That of the CIDR.
        shortest: u8,
        /// The number of bits of its addresses; for node subnets at most 63 more than that of the CIDR.
        longest: u8,
        /// What was asked for.
        found: u8,
    },
    /// More parts than kube-controller-manager can count.
    #[error(
        "expected node subnets with a prefix of at most {longest}, found {found}: kube-controller-manager has at most 65536 of them"
    )]
    #[non_exhaustive]
    Limit {
        /// 16 more than that of the CIDR.
        longest: u8,
        /// What was asked for.
        found: u8,
    },
    /// All parts are taken.
    #[error("all {size} node subnets are taken: remove a node or add addresses")]
    #[non_exhaustive]
    Exhausted {
        /// How many are taken.
        taken: u128,
        /// How many there are.
        size: u128,
    },
}

/// What is wrong with the saved state of a pool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateProblem {
    /// It is not JSON of the right shape.
    #[error("{message}")]
    #[non_exhaustive]
    Shape {
        /// What the reader says, with line and column.
        message: String,
    },
    /// Another version of the format.
    #[error("expected version {expected}, found {found}")]
    #[non_exhaustive]
    Version {
        /// The version of this release.
        expected: u32,
        /// The version of the state.
        found: u32,
    },
    /// A subnet is not a CIDR.
    #[error("expected a subnet, found {found:?}")]
    #[non_exhaustive]
    Subnet {
        /// What was found, cut to 64 characters.
        found: String,
    },
    /// A range or a range set cannot be used.
    #[error(transparent)]
    Range(RangeProblem),
    /// Two range sets share addresses.
    #[error("expected range sets that share no address, found that {first} and {second} do")]
    #[non_exhaustive]
    Overlap {
        /// The index of the one, from 0.
        first: usize,
        /// The index of the other.
        second: usize,
    },
    /// A name is not valid.
    #[error("{problem}, found {found:?}")]
    #[non_exhaustive]
    Owner {
        /// What is wrong with it.
        problem: OwnerProblem,
        /// What was given, cut to 64 characters.
        found: String,
    },
    /// An address is held or rests twice.
    #[error("{address} is held or rests already")]
    #[non_exhaustive]
    Twice {
        /// The address.
        address: IpAddr,
    },
    /// A resting address that cannot be given: in no range of its set, or the gateway.
    #[error("{address} rests, and cannot be given by its range set")]
    #[non_exhaustive]
    Elsewhere {
        /// The address.
        address: IpAddr,
    },
    /// A resting address was released before the one in front of it, or in the future.
    #[error("{address} was released after what is noted behind it, or after the time of the state")]
    #[non_exhaustive]
    Released {
        /// The address.
        address: IpAddr,
    },
    /// Addresses rest although the policy lets none.
    #[error("addresses rest although the policy lets none rest")]
    #[non_exhaustive]
    NoRest,
}

/// What is wrong with a range or a range set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeProblem {
    /// The set has no range.
    #[error("expected at least one range, found none")]
    Empty,
    /// The range has no subnet.
    #[error("expected a subnet, found none")]
    NoSubnet,
    /// The subnet has no room for a network, a gateway and a pod.
    #[error("{subnet} is too small: expected a prefix of at most {longest}")]
    #[non_exhaustive]
    TooSmall {
        /// The subnet.
        subnet: Cidr,
        /// The longest prefix of its family: 30 or 126.
        longest: u8,
    },
    /// An IPv4 subnet is written as IPv6.
    #[error("{subnet} is an IPv4 subnet written as IPv6: write it as IPv4")]
    #[non_exhaustive]
    Mapped {
        /// The subnet.
        subnet: Cidr,
    },
    /// The subnet has host bits.
    #[error("{subnet} has host bits set: expected {network}")]
    #[non_exhaustive]
    HostBits {
        /// The subnet as given.
        subnet: Cidr,
        /// Its network address.
        network: IpAddr,
    },
    /// The first address is not in the subnet, or after the last.
    #[error("range start {address} is not in {subnet} or after the range's end")]
    #[non_exhaustive]
    Start {
        /// The address.
        address: IpAddr,
        /// The subnet.
        subnet: Cidr,
    },
    /// The last address is not in the subnet, or before the first.
    #[error("range end {address} is not in {subnet} or before the range's start")]
    #[non_exhaustive]
    End {
        /// The address.
        address: IpAddr,
        /// The subnet.
        subnet: Cidr,
    },
    /// The gateway is not in the subnet.
    #[error("gateway {address} is not in {subnet}")]
    #[non_exhaustive]
    GatewayOutside {
        /// The address.
        address: IpAddr,
        /// The subnet.
        subnet: Cidr,
    },
    /// The range holds reserved addresses only.
    #[error("range {start}-{end} holds nothing but the gateway: widen it")]
    #[non_exhaustive]
    OnlyReserved {
        /// The first address.
        start: IpAddr,
        /// The last address.
        end: IpAddr,
    },
    /// The set holds ranges of both families.
    #[error("expected one address family a set, found both")]
    MixedFamilies,
    /// Two ranges of the set share addresses.
    #[error("ranges {}-{} and {}-{} share addresses", first.0, first.1, second.0, second.1)]
    #[non_exhaustive]
    Overlap {
        /// First and last address of the one.
        first: (IpAddr, IpAddr),
        /// First and last address of the other.
        second: (IpAddr, IpAddr),
    },
}

/// What is wrong with a container ID or an interface name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnerProblem {
    /// The container ID is empty or not of `[A-Za-z0-9][A-Za-z0-9_.-]*`.
    #[error(
        "expected a container ID of letters, digits, '_', '.' and '-' that begins with a letter or digit"
    )]
    ContainerId,
    /// The interface name is empty, longer than 15 bytes, `.`, `..` or has `/`, `:` or white space.
    #[error("expected an interface name of 1 to 15 bytes without '/', ':' and white space, not '.' or '..'")]
    InterfaceName,
}

impl Problem for IpamError {
    fn code(&self) -> Code {
        match self {
            Self::Range { .. } => Code::IPAM_RANGE,
            Self::Overlap { .. } => Code::IPAM_OVERLAP,
            Self::NoRanges => Code::IPAM_NO_RANGES,
            Self::Exhausted { .. } => Code::IPAM_EXHAUSTED,
            Self::Duplicate { .. } => Code::IPAM_DUPLICATE,
            Self::Gateway { .. } => Code::IPAM_GATEWAY,
            Self::Taken { .. } => Code::IPAM_TAKEN,
            Self::Unplaced { .. } => Code::IPAM_UNPLACED,
            Self::Owner { .. } => Code::IPAM_OWNER,
            Self::NotHeld { .. } => Code::IPAM_NOT_HELD,
            Self::State { .. } => Code::IPAM_STATE,
            Self::Split { .. } => Code::IPAM_SPLIT,
            Self::ClusterCidrs { .. } => Code::IPAM_CLUSTER_CIDRS,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        match self {
            Self::Owner { found, .. } => details.found = Some(found.clone()),
            Self::Exhausted { resting, .. } => details.retryable = *resting > 0,
            _ => {}
        }
        details
    }
}

fn list<T: ToString>(values: &[T]) -> String {
    if values.is_empty() {
        return "none".to_owned();
    }
    values.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
