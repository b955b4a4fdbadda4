//! Keys and certificates: the cluster's certificate authorities and everything they sign.

use crate::error::codes;

codes! {}
