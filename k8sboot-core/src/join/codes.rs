//! The stable numbers of the errors of joining; also of builds that cannot join.

use crate::error::codes;

codes! {
    /// What the cluster keeps for joining nodes is missing or cannot be read.
    JOIN_CLUSTER = 7201,
    /// The cluster's version is too far from what this library knows.
    JOIN_VERSION = 7202,
    /// The kubelet's version does not go with the cluster's.
    JOIN_KUBELET_SKEW = 7203,
    /// A node of this name is in the cluster already, and ready.
    JOIN_NODE_EXISTS = 7204,
    /// The node has files of another cluster.
    JOIN_OTHER_CLUSTER = 7205,
    /// The configuration is for another role.
    JOIN_ROLE = 7206,
    /// Nobody has looked at the cluster.
    JOIN_NOT_DISCOVERED = 7207,
    /// The bootstrap kubeconfig is missing or cannot be used.
    JOIN_BOOTSTRAP_FILE = 7208,
    /// The certificate request was denied.
    CSR_DENIED = 7210,
    /// The signer could not sign the certificate request.
    CSR_FAILED = 7211,
    /// Nobody has approved the certificate request in time.
    CSR_NOT_APPROVED = 7212,
    /// The certificate request was approved, and nobody has signed it in time.
    CSR_NOT_SIGNED = 7213,
    /// The certificate that was issued is not the one that was asked for.
    CSR_UNFIT = 7214,
    /// The certificate request has vanished, or another has its name.
    CSR_GONE = 7215,
    /// The kubelet has not got its certificate in time.
    JOIN_KUBELET_BOOTSTRAP = 7216,
    /// The kubelet is not healthy in time.
    JOIN_KUBELET_HEALTH = 7217,
    /// The join was cancelled.
    JOIN_CANCELLED = 7218,
}
