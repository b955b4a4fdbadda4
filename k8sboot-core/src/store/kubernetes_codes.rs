//! The codes of what is kept on the Kubernetes API. They are in every build, so that there is one C header.

use crate::error::codes;

codes! {
    /// No node of this name is registered.
    POD_CIDR_NO_NODE = 4350,
    /// Another allocator of the cluster works with other cluster CIDRs or subnet sizes.
    POD_CIDR_SETTINGS = 4351,
    /// Two nodes have pod CIDRs that share addresses.
    POD_CIDR_SHARED = 4352,
    /// Others were faster each time.
    POD_CIDR_CONTENDED = 4353,
    /// An object in the cluster does not hold what belongs there.
    POD_CIDR_DAMAGED = 4354,
    /// An option of a store on the Kubernetes API is not usable.
    KUBERNETES_STORE_OPTIONS = 4360,
    /// The object that holds a network's addresses is full.
    KUBERNETES_STORE_FULL = 4361,
    /// The object that should hold a network's addresses is another's.
    KUBERNETES_STORE_FOREIGN = 4362,
    /// Others were faster each time.
    KUBERNETES_STORE_CONTENDED = 4363,
}
