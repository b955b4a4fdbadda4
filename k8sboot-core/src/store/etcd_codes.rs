//! The codes of the store in etcd. They are in every build, so that there is one C header.

use crate::error::codes;

codes! {
    /// An option of the client or the store is not usable.
    ETCD_OPTIONS = 4201,
    /// No endpoint of etcd can be reached.
    ETCD_UNREACHABLE = 4202,
    /// The TLS connection to etcd fails.
    ETCD_TLS = 4203,
    /// etcd refuses the user, the password or the permission.
    ETCD_AUTH = 4204,
    /// etcd does not answer in time.
    ETCD_TIMEOUT = 4205,
    /// The connection broke after a change was sent: whether it was carried out is not known.
    ETCD_UNANSWERED = 4206,
    /// etcd refuses a request.
    ETCD_REFUSED = 4207,
    /// A revision that is needed was compacted away.
    ETCD_COMPACTED = 4208,
    /// A value in etcd is not what belongs there.
    ETCD_DAMAGED = 4209,
    /// An etcd lease, or the record that hung on it, is gone.
    ETCD_LEASE_LOST = 4210,
    /// Others were faster each time.
    ETCD_CONTENDED = 4211,
    /// The client's thread cannot be started, or has ended.
    ETCD_RUNTIME = 4212,
    /// The network's configuration is not in etcd.
    ETCD_NO_NETWORK = 4213,
    /// Every subnet of the network is leased or reserved.
    ETCD_NO_SUBNET = 4214,
    /// The subnet, or a part of it, is leased or reserved.
    ETCD_SUBNET_TAKEN = 4215,
}
