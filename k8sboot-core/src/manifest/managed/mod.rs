//! Whose each field of an object of a cluster is, and what applying a wanted object would change.
//!
//! The API server keeps for each object which manager set which field (`metadata.managedFields`). [`compare`] reads that:
//! fields that another manager has set to another value stay as they are and are told; all others become what is wanted.
//! It changes nothing and asks nobody.
//!
//! Source: Kubernetes "Server-Side Apply", structured-merge-diff's FieldsV1.

mod compare;
mod owners;

pub use compare::{Comparison, FieldDifference, Need, compare};

/// The field manager of this library.
pub const FIELD_MANAGER: &str = "k8sboot";

/// Managers whose fields are taken over: tools that do what this library does, with the same objects.
pub const PREDECESSORS: [&str; 1] = ["kubeadm"];
