//! The stable numbers of discovery's errors; also of builds that cannot discover.

use crate::error::codes;

codes! {
    /// What is to be discovered, or how, cannot work as given.
    DISCOVERY_OPTIONS = 7101,
    /// An endpoint cannot be reached.
    DISCOVERY_UNREACHABLE = 7102,
    /// An endpoint does not answer in time.
    DISCOVERY_SILENT = 7103,
    /// What answers at an endpoint is no API server, or its answer is damaged.
    DISCOVERY_ANSWER = 7104,
    /// An endpoint has a problem of its own (5xx).
    DISCOVERY_SERVER = 7105,
    /// An endpoint is too busy (429).
    DISCOVERY_BUSY = 7106,
    /// Who has not joined yet may not read cluster-info (401, 403).
    DISCOVERY_ANONYMOUS = 7107,
    /// There is no cluster-info (404).
    DISCOVERY_MISSING = 7108,
    /// What is there is no cluster-info document.
    DISCOVERY_CLUSTER_INFO = 7109,
    /// The cluster-info document has no certificate authority.
    DISCOVERY_NO_AUTHORITY = 7110,
    /// cluster-info is signed by other tokens, not by this one.
    DISCOVERY_UNKNOWN_TOKEN = 7111,
    /// cluster-info is not signed by any token yet.
    DISCOVERY_NOT_SIGNED = 7112,
    /// The signature of cluster-info was not made with this token.
    DISCOVERY_SIGNATURE = 7113,
    /// No certificate authority of the cluster is pinned.
    DISCOVERY_PIN_MISMATCH = 7114,
    /// The cluster does not know the token or credentials (401): expired, removed or not for authentication.
    DISCOVERY_REFUSED = 7115,
    /// The clocks of this node and of the cluster are too far apart.
    DISCOVERY_CLOCK = 7116,
    /// The server's certificate is not one that the discovered authority vouches for.
    DISCOVERY_CERTIFICATE = 7117,
    /// cluster-info over the verified connection is another than before.
    DISCOVERY_CHANGED = 7118,
    /// There are no credentials for the first certificate of the kubelet.
    DISCOVERY_CREDENTIALS = 7119,
    /// A file that discovery needs cannot be read or written.
    DISCOVERY_FILE = 7120,
    /// A kubeconfig cannot be used for discovery.
    DISCOVERY_KUBECONFIG = 7121,
    /// Discovery was cancelled.
    DISCOVERY_CANCELLED = 7122,
    /// A thread or a connection of this process could not be made.
    DISCOVERY_RUNTIME = 7123,
    /// An address answers with a status that is no success.
    DISCOVERY_STATUS = 7124,
    /// A text is no join bundle.
    BUNDLE_SHAPE = 7130,
    /// A join bundle of a version or with a cipher that this library does not know.
    BUNDLE_VERSION = 7131,
    /// A join bundle was changed after it was sealed.
    BUNDLE_DAMAGED = 7132,
    /// A join bundle was sealed to another passphrase or key.
    BUNDLE_KEY = 7133,
    /// A join bundle has expired.
    BUNDLE_EXPIRED = 7134,
    /// A passphrase or key that nothing can be sealed to.
    BUNDLE_SECRET = 7135,
    /// What a join bundle holds cannot be used.
    BUNDLE_CONTENT = 7136,
    /// The source of randomness failed.
    BUNDLE_ENTROPY = 7137,
    /// The discovery endpoint cannot listen.
    DISCOVERY_SERVE = 7140,
}
