//! Who holds each address, and is it alive? Verdicts over records and evidence, as values.
//!
//! # The rule of safety
//!
//! A *leak* is a record whose container will never get another DEL. No single listing proves one, so every [`Witness`]
//! can only *add* reasons to keep an address; an address is leaked when no witness keeps it and nothing was left
//! unasked. In this order, for each record:
//!
//! 1. its address is on an interface in some network namespace: keep;
//! 2. its container is listed in any state by any runtime: keep;
//! 3. the network namespace of its stored CNI result still exists: keep;
//! 4. its ADD is running, or it is younger than the grace period: keep;
//! 5. it is from before this boot, proven by the boot's identity: free;
//! 6. else: free, if a runtime was asked and nobody else can own it.
//!
//! - **Read first, list after.** The records come from a reading that ended before the first witness was asked. An ADD
//!   that reserved later is not judged at all. What is freed is compared once more under the store's lock.
//! - **A failed listing frees nothing.** One failure of one witness, and every leak is only [`State::Unknown`].
//! - **An empty listing of a runtime frees nothing** of this boot: a runtime that restarts answers so. See
//!   [`Testimony::known_empty`].
//! - **Others may share the network** (two runtimes, a nested cluster): unless the caller says that every runtime was
//!   asked ([`Runtimes::All`]), the network namespaces must witness too.
//! - **The grace period** covers the time between the reservation and the container's appearance in a listing. kubelet
//!   gives a sandbox four minutes; the default is ten ([`DEFAULT_GRACE`]). Zero is right only for a process that runs
//!   every ADD of the network itself and says which are running.
//! - **Ages** are the store's. Of records that it made in this boot it knows the time by a clock that nobody sets; of
//!   others, host-local's for example, it has the file's time, which a clock that is set may falsify. Such a time is
//!   reason enough to keep a record, and never the only one to free it: witnesses must have been asked and know nothing.
//!   A record without an age is [`State::Unknown`].
//! - **Empty records** are freed without a grace period: their writer would hold the lock under which they are removed.
//!
//! [`Survey`](crate::store::Survey) asks store and witnesses in the right order and collects.
//!
//! Sources: whereabouts#207, #176; antrea#8239; kubernetes#34278, #35572, #86944; cni#1086 (the races); host-local's
//! files.

mod containers;
mod evidence;
mod judge;
mod policy;
mod render;
mod report;

pub use evidence::{Failure, SeenAddress, SeenContainer, StoredResult, Testimony, Witness, WitnessKind};
pub use judge::judge;
pub use policy::{DEFAULT_GRACE, Policy, Runtimes};
pub use render::LEAK_SCHEMA;
pub use report::{FreeRun, LeakReport, Reason, Rule, State, Tally, Verdict};
