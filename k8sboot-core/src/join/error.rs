//! Why a node cannot join.

use std::time::Duration;

use crate::{
    error::{Code, Details, Problem},
    pki::PkiError,
    version::Version,
};

/// Why a node cannot join. No message holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// What the cluster keeps for joining nodes is missing or cannot be read.
    #[error("join: {object}: expected {expected}, found {found} ({remedy})")]
    #[non_exhaustive]
    Cluster {
        /// The object, and the key or field of it.
        object: String,
        /// What would have been right.
        expected: String,
        /// What is there.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The cluster's version is too far from what this library knows.
    #[error(
        "join: version of the cluster: expected 1.{oldest} to 1.{newest}, found {found} (use a release of k8sboot that knows it)"
    )]
    #[non_exhaustive]
    Version {
        /// The oldest minor that is joined.
        oldest: u32,
        /// The newest.
        newest: u32,
        /// The cluster's version.
        found: Version,
    },
    /// The kubelet's version does not go with the cluster's.
    #[error(
        "join: version of the kubelet: expected one from three minors before {cluster} to {cluster}, found {kubelet} (install a kubelet of the cluster's version)"
    )]
    #[non_exhaustive]
    KubeletSkew {
        /// The kubelet's.
        kubelet: Box<Version>,
        /// The API server's.
        cluster: Box<Version>,
    },
    /// A node of this name is in the cluster already, and ready.
    #[error(
        "join: node {name}: expected no node of this name that is ready, found one (delete the Node object, or choose another nodeRegistration.name)"
    )]
    #[non_exhaustive]
    NodeExists {
        /// The name.
        name: String,
    },
    /// The node has files of another cluster.
    #[error("join: {path}: expected {expected}, found {found} (reset the node first, or remove the file)")]
    #[non_exhaustive]
    OtherCluster {
        /// The file.
        path: String,
        /// What would have been right.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// The configuration is for another role.
    #[error("join: controlPlane: expected none for a worker, found one (join it as a control plane)")]
    #[non_exhaustive]
    Role {},
    /// Nobody has looked at the cluster.
    #[error(
        "join: expected a probe that reaches the cluster, found one of files only (use probe::Cluster, feature api)"
    )]
    #[non_exhaustive]
    NotDiscovered {},
    /// The bootstrap kubeconfig is missing or cannot be used.
    #[error("join: {path}: expected {expected}, found {found} (run the kubelet stage again)")]
    #[non_exhaustive]
    BootstrapFile {
        /// The kubeconfig.
        path: String,
        /// What would have been right.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// The certificate request was denied.
    #[error(
        "join: certificate request {name}: denied: {reason}: {message} (ask who denied it; then run again for a new request)"
    )]
    #[non_exhaustive]
    Denied {
        /// The request.
        name: String,
        /// In one word.
        reason: String,
        /// For people.
        message: String,
    },
    /// The signer could not sign the certificate request.
    #[error(
        "join: certificate request {name}: the signer failed: {reason}: {message} (look at kube-controller-manager's log, then run again for a new request)"
    )]
    #[non_exhaustive]
    Failed {
        /// The request.
        name: String,
        /// In one word.
        reason: String,
        /// For people.
        message: String,
    },
    /// Nobody has approved the certificate request in time.
    #[error(
        "join: certificate request {name}: expected an approval within {} s, found none (kubectl certificate approve {name}, then run again; or let kube-controller-manager run, and bind the token's group to system:certificates.k8s.io:certificatesigningrequests:nodeclient)",
        limit.as_secs()
    )]
    #[non_exhaustive]
    NotApproved {
        /// The request.
        name: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The certificate request was approved, and nobody has signed it in time.
    #[error(
        "join: certificate request {name}: approved, expected a certificate within {} s, found none (the signer kubernetes.io/kube-apiserver-client-kubelet does not run: start kube-controller-manager with --cluster-signing-cert-file and --cluster-signing-key-file, then run again)",
        limit.as_secs()
    )]
    #[non_exhaustive]
    NotSigned {
        /// The request.
        name: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The certificate that was issued is not the one that was asked for.
    #[error("join: certificate request {name}: the issued certificate does not fit")]
    #[non_exhaustive]
    Unfit {
        /// The request.
        name: String,
        /// Why.
        #[source]
        source: Box<PkiError>,
    },
    /// The certificate request has vanished, or another has its name.
    #[error("join: certificate request {name}: expected ours, found {found} (run again for a new request)")]
    #[non_exhaustive]
    Gone {
        /// The request.
        name: String,
        /// What is there.
        found: &'static str,
    },
    /// A certificate request cannot be made or read.
    #[error("join: {what}")]
    #[non_exhaustive]
    Pki {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: Box<PkiError>,
    },
    /// The kubelet has not got its certificate in time.
    #[error("join: {path}: expected it to be usable within {} s: {reason}", limit.as_secs())]
    #[non_exhaustive]
    KubeletBootstrap {
        /// The kubeconfig that was waited for.
        path: String,
        /// What was missing last.
        reason: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The kubelet is not healthy in time.
    #[error(
        "join: kubelet at {url}: expected it to be healthy within {} s, found {reason} (systemctl status kubelet, journalctl -xeu kubelet)",
        limit.as_secs()
    )]
    #[non_exhaustive]
    KubeletHealth {
        /// What was asked.
        url: String,
        /// What it said last.
        reason: String,
        /// How long was waited.
        limit: Duration,
    },
    /// The join was cancelled.
    #[error("join: cancelled: {doing} (run again to go on)")]
    #[non_exhaustive]
    Cancelled {
        /// What was being done.
        doing: String,
    },
    /// The API server does not do what is needed.
    #[cfg(feature = "api")]
    #[error("join: {doing}")]
    #[non_exhaustive]
    Api {
        /// What was being done.
        doing: String,
        /// Why not.
        #[source]
        source: Box<crate::api::ApiError>,
    },
}

#[cfg(feature = "api")]
impl JoinError {
    /// What an API server's error means while something is being done.
    pub(crate) fn api(doing: impl Into<String>) -> impl FnOnce(crate::api::ApiError) -> Self {
        let doing = doing.into();
        |source| match source {
            crate::api::ApiError::Cancelled { .. } => Self::Cancelled { doing },
            source => Self::Api { doing, source: Box::new(source) },
        }
    }
}

impl Problem for JoinError {
    fn code(&self) -> Code {
        match self {
            Self::Cluster { .. } => Code::JOIN_CLUSTER,
            Self::Version { .. } => Code::JOIN_VERSION,
            Self::KubeletSkew { .. } => Code::JOIN_KUBELET_SKEW,
            Self::NodeExists { .. } => Code::JOIN_NODE_EXISTS,
            Self::OtherCluster { .. } => Code::JOIN_OTHER_CLUSTER,
            Self::Role {} => Code::JOIN_ROLE,
            Self::NotDiscovered {} => Code::JOIN_NOT_DISCOVERED,
            Self::BootstrapFile { .. } => Code::JOIN_BOOTSTRAP_FILE,
            Self::Denied { .. } => Code::CSR_DENIED,
            Self::Failed { .. } => Code::CSR_FAILED,
            Self::NotApproved { .. } => Code::CSR_NOT_APPROVED,
            Self::NotSigned { .. } => Code::CSR_NOT_SIGNED,
            Self::Unfit { .. } => Code::CSR_UNFIT,
            Self::Gone { .. } => Code::CSR_GONE,
            Self::Pki { source, .. } => source.code(),
            Self::KubeletBootstrap { .. } => Code::JOIN_KUBELET_BOOTSTRAP,
            Self::KubeletHealth { .. } => Code::JOIN_KUBELET_HEALTH,
            Self::Cancelled { .. } => Code::JOIN_CANCELLED,
            #[cfg(feature = "api")]
            Self::Api { source, .. } => source.code(),
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        let mut say = |expected: String, found: String, remedy: &str| {
            details.expected = Some(expected);
            details.found = Some(found);
            details.remedy = (!remedy.is_empty()).then(|| remedy.to_owned());
        };
        match self {
            Self::Cluster { object, expected, found, remedy } => {
                say(expected.clone(), found.clone(), remedy);
                details.field = Some(object.clone());
            }
            Self::Version { oldest, newest, found } => say(
                format!("1.{oldest} to 1.{newest}"),
                found.to_string(),
                "use a release of k8sboot that knows it",
            ),
            Self::KubeletSkew { kubelet, cluster } => say(
                format!("three minors before {cluster} to {cluster}"),
                kubelet.to_string(),
                "install a kubelet of the cluster's version",
            ),
            Self::NodeExists { name } => say(
                "no node of this name that is ready".to_owned(),
                name.clone(),
                "delete the Node object, or choose another nodeRegistration.name",
            ),
            Self::OtherCluster { path, expected, found } | Self::BootstrapFile { path, expected, found } => {
                say((*expected).to_owned(), found.clone(), "");
                details.path = Some(path.clone());
            }
            Self::Denied { reason, message, .. } | Self::Failed { reason, message, .. } => {
                say("an issued certificate".to_owned(), format!("{reason}: {message}"), "");
            }
            Self::NotApproved { .. } => say("an approval".to_owned(), "none".to_owned(), ""),
            Self::NotSigned { .. } => say("a certificate".to_owned(), "none".to_owned(), ""),
            Self::KubeletBootstrap { path, reason, .. } => {
                say("a usable kubeconfig".to_owned(), reason.clone(), "");
                details.path = Some(path.clone());
            }
            Self::KubeletHealth { reason, .. } => {
                say("a healthy kubelet".to_owned(), reason.clone(), "systemctl status kubelet");
            }
            Self::Unfit { source, .. } | Self::Pki { source, .. } => details = source.details(),
            #[cfg(feature = "api")]
            Self::Api { source, .. } => details = source.details(),
            Self::Role {} | Self::NotDiscovered {} | Self::Gone { .. } | Self::Cancelled { .. } => {}
        }
        details.retryable |= matches!(
            self,
            Self::NotApproved { .. }
                | Self::NotSigned { .. }
                | Self::Gone { .. }
                | Self::KubeletBootstrap { .. }
                | Self::KubeletHealth { .. }
                | Self::Cancelled { .. }
        );
        details
    }
}
