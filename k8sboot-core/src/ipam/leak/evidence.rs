//! What witnesses say.

use std::net::IpAddr;

use crate::{
    error::{Code, Problem, chain},
    ipam::{Owner, OwnerBuf},
};

/// Somebody who can tell that an address is in use.
///
/// A witness is asked after the records were read, never before.
pub trait Witness: Send + Sync {
    /// What kind of witness it is.
    fn kind(&self) -> WitnessKind;

    /// What it sees now. A witness that cannot see says so in [`Testimony::failures`].
    fn testify(&self) -> Testimony;
}

/// What kinds of witnesses there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WitnessKind {
    /// Knows the ADDs that are running. It is asked before all others: an ADD that ends while they are asked must be
    /// seen by one of them.
    InFlight,
    /// Lists the containers or sandboxes of a runtime, in every state.
    Runtime,
    /// Reads the addresses inside every network namespace of the host.
    Namespaces,
    /// Reads the results that a runtime stored after its ADDs.
    Results,
    /// Knows something else that uses addresses.
    Other,
}

impl WitnessKind {
    /// For reports, for example `runtime`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InFlight => "in-flight",
            Self::Runtime => "runtime",
            Self::Namespaces => "namespaces",
            Self::Results => "results",
            Self::Other => "other",
        }
    }
}

/// What one witness saw.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::leak::{Testimony, WitnessKind};
/// let listed = ["2312b441671309eadd8eda97351c5a8c500bf0dce2ab1d7d8f661aa65e0420f8"];
/// let testimony = Testimony::containers("my runtime", listed);
/// assert_eq!((testimony.kind, testimony.containers.len()), (WitnessKind::Runtime, 1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Testimony {
    /// Who says it, for reports: `docker`, `network namespaces`.
    pub witness: String,
    /// What kind of witness it is.
    pub kind: WitnessKind,
    /// Containers that exist, in whatever state.
    pub containers: Vec<SeenContainer>,
    /// Addresses that are configured somewhere.
    pub addresses: Vec<SeenAddress>,
    /// Stored results of ADDs.
    pub results: Vec<StoredResult>,
    /// Attachments whose ADD is running.
    pub in_flight: Vec<OwnerBuf>,
    /// What could not be seen. One is enough that nothing is freed.
    pub failures: Vec<Failure>,
    /// What a reader may want to know and what changes no verdict.
    pub notes: Vec<String>,
    /// Whether the caller knows that a runtime without containers is not one that is restarting. Default: false.
    pub known_empty: bool,
}

impl Testimony {
    /// A testimony that says nothing yet.
    #[must_use]
    pub fn new(witness: impl Into<String>, kind: WitnessKind) -> Self {
        Self {
            witness: witness.into(),
            kind,
            containers: Vec::new(),
            addresses: Vec::new(),
            results: Vec::new(),
            in_flight: Vec::new(),
            failures: Vec::new(),
            notes: Vec::new(),
            known_empty: false,
        }
    }

    /// The listing of a runtime: container IDs in every state.
    #[must_use]
    pub fn containers<I: Into<String>>(witness: impl Into<String>, ids: impl IntoIterator<Item = I>) -> Self {
        let containers = ids.into_iter().map(|id| SeenContainer::new(id, "listed")).collect();
        Self { containers, ..Self::new(witness, WitnessKind::Runtime) }
    }

    /// The attachments whose ADD is running.
    #[must_use]
    pub fn in_flight<'a>(witness: impl Into<String>, owners: impl IntoIterator<Item = Owner<'a>>) -> Self {
        let in_flight = owners.into_iter().map(OwnerBuf::from).collect();
        Self { in_flight, ..Self::new(witness, WitnessKind::InFlight) }
    }

    /// A witness that could not see anything.
    #[must_use]
    pub fn failed(witness: impl Into<String>, kind: WitnessKind, problem: &dyn Problem) -> Self {
        Self { failures: vec![Failure::of(problem)], ..Self::new(witness, kind) }
    }

    /// Sets [`known_empty`](Self::known_empty).
    #[must_use]
    pub const fn known_empty(mut self, known_empty: bool) -> Self {
        self.known_empty = known_empty;
        self
    }
}

/// A container or sandbox that a runtime lists.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeenContainer {
    /// Its ID: whole, or at least the first 12 characters.
    pub id: String,
    /// Its state in the runtime's words, and what else tells it from others.
    pub what: String,
}

impl SeenContainer {
    /// A container in a state.
    #[must_use]
    pub fn new(id: impl Into<String>, what: impl Into<String>) -> Self {
        Self { id: id.into(), what: what.into() }
    }
}

/// An address that is configured somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeenAddress {
    /// The address.
    pub address: IpAddr,
    /// Where, for example `eth0 in /run/netns/cni-5f0c`.
    pub place: String,
}

impl SeenAddress {
    /// An address at a place.
    #[must_use]
    pub fn new(address: IpAddr, place: impl Into<String>) -> Self {
        Self { address, place: place.into() }
    }
}

/// A result that a runtime stored after an ADD.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredResult {
    /// Whose ADD it was.
    pub owner: OwnerBuf,
    /// The addresses it gave.
    pub addresses: Vec<IpAddr>,
    /// The path of the network namespace, if it is stored and still exists.
    pub namespace: Option<String>,
    /// Where the result is stored.
    pub source: String,
}

impl StoredResult {
    /// A stored result; `namespace` is the path of its network namespace if that still exists.
    #[must_use]
    pub fn new(
        owner: Owner<'_>,
        addresses: Vec<IpAddr>,
        namespace: Option<String>,
        source: impl Into<String>,
    ) -> Self {
        Self { owner: owner.into(), addresses, namespace, source: source.into() }
    }
}

/// Why a witness could not see everything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The stable code.
    pub code: Code,
    /// The message with its causes, on one line.
    pub message: String,
}

impl Failure {
    /// From an error of this library.
    #[must_use]
    pub fn of(problem: &dyn Problem) -> Self {
        Self { code: problem.code(), message: problem_chain(problem) }
    }
}

fn problem_chain(problem: &dyn Problem) -> String {
    let mut text = problem.to_string();
    if let Some(cause) = problem.source() {
        text.push_str(": ");
        text.push_str(&chain(cause));
    }
    text.replace('\n', "; ")
}
