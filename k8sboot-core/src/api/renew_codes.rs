//! The stable numbers of the errors of renewals in a running cluster; also of builds that cannot do one.

use crate::error::codes;

codes! {
    /// A manifest of a static pod cannot be read.
    RENEW_MANIFEST = 7401,
    /// A static pod was not seen to restart in time.
    RENEW_NOT_RESTARTED = 7402,
    /// A static pod serves another certificate than the one that was renewed.
    RENEW_NOT_SERVED = 7403,
    /// The renewal was cancelled before everything that reads the new files was restarted.
    RENEW_CANCELLED = 7404,
}
