//! kubeconfig files: typed, embedded credentials, verified.

use crate::error::codes;

codes! {}
