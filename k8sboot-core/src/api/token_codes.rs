//! The stable numbers of the errors of tokens in a cluster; also of builds that cannot speak to one.

use crate::error::codes;

codes! {
    /// A token with this id is in the cluster already.
    TOKENS_EXISTS = 7601,
    /// No token with this id is in the cluster.
    TOKENS_NOT_FOUND = 7602,
}
