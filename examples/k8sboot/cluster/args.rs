//! The command line of what speaks to a cluster.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use k8sboot_core::{discovery::Endpoint, time::GoDuration, token::CaPin};

/// Whom to speak to, and as whom.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// Kubeconfig of somebody who may do it.
    #[arg(long, value_name = "FILE", default_value = "/etc/kubernetes/admin.conf")]
    pub(crate) kubeconfig: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The token, ID.SECRET. Default: a fresh one.
    #[arg(value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// How long it lives, for example 2h30m; 0 means for ever.
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    pub(crate) ttl: GoDuration,
    /// What it may be used for, with commas between them.
    #[arg(long, value_name = "USAGE", value_delimiter = ',', default_value = "signing,authentication")]
    pub(crate) usages: Vec<String>,
    /// Groups of whoever authenticates with it, with commas between them. Default: the group that may join nodes, if the
    /// token authenticates.
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    pub(crate) groups: Vec<String>,
    /// For people.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) description: String,
    /// Print the whole command by which a node joins.
    #[arg(long)]
    pub(crate) print_join_command: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print the tokens with their secret halves.
    #[arg(long)]
    pub(crate) show_secrets: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Ids of tokens, or whole tokens.
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Where a cluster is and how it is recognised.
#[derive(Debug, Args)]
pub(crate) struct FindArgs {
    /// API servers as HOST:PORT, or discovery endpoints as http://HOST:PORT; asked at the same time, the first that can
    /// be trusted counts.
    #[arg(value_name = "ENDPOINT")]
    pub(crate) endpoints: Vec<Endpoint>,
    /// A bootstrap token of the cluster, ID.SECRET.
    #[arg(long, value_name = "TOKEN", requires = "endpoints")]
    pub(crate) token: Option<String>,
    /// Hash of the public key of the cluster's CA, sha256:HEX; may be repeated, any one suffices.
    #[arg(long, value_name = "HASH", requires = "endpoints")]
    pub(crate) discovery_token_ca_cert_hash: Vec<CaPin>,
    /// Trust whoever knows the token, instead of a hash.
    #[arg(long, requires = "endpoints", conflicts_with = "discovery_token_ca_cert_hash")]
    pub(crate) discovery_token_unsafe_skip_ca_verification: bool,
    /// A join bundle instead, as `bundle create` makes them: no stranger need be answered by the cluster.
    #[arg(long, value_name = "FILE", requires = "passphrase_file", conflicts_with = "endpoints")]
    pub(crate) bundle: Option<PathBuf>,
    /// The file with the bundle's passphrase (`-` reads standard input).
    #[arg(long, value_name = "FILE", requires = "bundle")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BundleArgs {
    #[command(subcommand)]
    pub(crate) command: BundleCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// Make a token in the cluster, and write what a node needs to join into a file, sealed to a passphrase.
    Create {
        /// The file, 0600; an older one is replaced.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The file with the passphrase, at least 8 bytes (`-` reads standard input).
        #[arg(long, value_name = "FILE")]
        passphrase_file: PathBuf,
        /// How long token and bundle live.
        #[arg(long, value_name = "DURATION", default_value = "24h")]
        ttl: GoDuration,
        #[command(flatten)]
        connection: Connection,
    },
    /// Print what is in a bundle; without a passphrase only when it ends, as it claims.
    Show {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The file with the passphrase (`-` reads standard input).
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    #[command(flatten)]
    pub(crate) find: FindArgs,
    /// kubeadm configuration with a JoinConfiguration (YAML or JSON; `-` reads standard input).
    #[arg(long, value_name = "FILE", required_unless_present_any = ["endpoints", "bundle"], conflicts_with_all = ["endpoints", "bundle"])]
    pub(crate) config: Option<PathBuf>,
    /// The node's name. Default: the host's.
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    pub(crate) node_name: Option<String>,
    /// The directory that stands for `/`; made if missing.
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) root: PathBuf,
    /// Print the plan of each stage and change nothing.
    #[arg(long, conflicts_with = "diff")]
    pub(crate) dry_run: bool,
    /// Print how each file would change and change nothing.
    #[arg(long)]
    pub(crate) diff: bool,
    /// First stage to do: preflight, discover, kubelet, tls-bootstrap, wait-kubelet, register-node.
    #[arg(long, value_name = "STAGE")]
    pub(crate) from: Option<String>,
    /// Last stage to do. Those after kubelet wait for a running kubelet.
    #[arg(long, value_name = "STAGE", default_value = "register-node")]
    pub(crate) until: String,
    /// Stage to leave out; may be repeated.
    #[arg(long, value_name = "STAGE")]
    pub(crate) skip: Vec<String>,
    /// Who asks for the kubelet's first certificate.
    #[arg(long, value_enum, default_value_t = FirstCertificate::Kubelet)]
    pub(crate) tls_bootstrap: FirstCertificate,
    /// Register the Node object, for machines where no kubelet does.
    #[arg(long)]
    pub(crate) register_node: bool,
}

/// Who asks for the kubelet's first certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FirstCertificate {
    /// The kubelet, which must run.
    Kubelet,
    /// k8sboot: the kubelet finds its certificate ready.
    Library,
}

#[derive(Debug, Args)]
pub(crate) struct DiscoveryArgs {
    #[command(subcommand)]
    pub(crate) command: DiscoveryCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DiscoveryCommand {
    /// Answer nodes over plain HTTP with cluster-info, signed for the token that they name, until stopped.
    Serve {
        /// Where to listen.
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:9898")]
        listen: SocketAddr,
        /// Take CA and tokens from a tree that init made with this configuration instead of asking the cluster; the lives of
        /// its tokens begin now.
        #[arg(long, value_name = "FILE", conflicts_with = "kubeconfig")]
        config: Option<PathBuf>,
        /// The directory that stands for `/`.
        #[arg(long, value_name = "DIR", default_value = "/", requires = "config")]
        root: PathBuf,
        #[command(flatten)]
        connection: Connection,
    },
    /// Find a cluster as a joining node does, and print what is found. Changes nothing.
    Show {
        #[command(flatten)]
        find: FindArgs,
        /// kubeadm configuration with a JoinConfiguration (`-` reads standard input).
        #[arg(long, value_name = "FILE", required_unless_present_any = ["endpoints", "bundle"], conflicts_with_all = ["endpoints", "bundle"])]
        config: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    #[command(subcommand)]
    pub(crate) command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Print nodes, the health of the control plane, and when certificates and tokens end.
    Status(Connection),
}
