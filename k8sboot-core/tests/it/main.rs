//! One integration binary: a module per family, so that there is one link.
#[cfg(feature = "config")]
mod kubeconfig;
#[cfg(feature = "config")]
mod manifest;
mod support;
#[cfg(all(feature = "config", feature = "crypto"))]
mod token;
