//! Finding a cluster: judgements, bundles, endpoints that misbehave, and a real control plane.

mod bundle;
#[cfg(feature = "api")]
mod endpoints;
mod judge;
#[cfg(feature = "api")]
mod real;

use k8sboot_core::{
    entropy::System,
    pki::{Ca, CertSpec, Issuing, KeyAlgorithm, RandomKeys},
    time::Timestamp,
    token::{BootstrapToken, CaPin},
};

pub(crate) fn token() -> BootstrapToken {
    "abcdef.0123456789abcdef".parse().unwrap()
}

/// A new authority and its pin, made at a time.
pub(crate) fn authority(now: Timestamp) -> (Ca, CaPin) {
    let keys = RandomKeys::new(&System);
    let spec = CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256);
    let ca = Ca::self_signed(&spec, &Issuing { keys: &keys, entropy: &System, now }).unwrap();
    let pin = CaPin::new(ca.pin());
    (ca, pin)
}
