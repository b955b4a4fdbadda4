//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[cfg(feature = "api")]
use crate::cluster::args as cluster;

/// Kubernetes node bootstrap without kubeadm.
#[derive(Debug, Parser)]
#[command(name = "k8sboot", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// How results and errors are printed.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How results and errors are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs: one JSON document on standard output, errors too.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a node tree the first control plane of a cluster.
    Init(InitArgs),
    /// Make a node tree a worker of a cluster.
    #[cfg(feature = "api")]
    Join(Box<cluster::JoinArgs>),
    /// A running cluster.
    #[cfg(feature = "api")]
    Cluster(cluster::ClusterArgs),
    /// Files with all that a node needs to join, sealed to a passphrase.
    #[cfg(feature = "api")]
    Bundle(cluster::BundleArgs),
    /// How nodes find a cluster and come to trust it.
    #[cfg(feature = "api")]
    Discovery(cluster::DiscoveryArgs),
    /// Bootstrap tokens.
    Token(TokenArgs),
    /// Certificates of a node tree.
    Certs(CertsArgs),
    /// Configuration documents.
    Config(ConfigArgs),
    /// Addresses of a network in host-local's directory: give, free, draw, find leaks.
    Ipam(crate::ipam::args::IpamArgs),
    /// CNI configurations and plugins of a node.
    Cni(CniArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// kubeadm configuration (YAML or JSON; `-` reads standard input).
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// The directory that stands for `/`; made if missing.
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) root: PathBuf,
    /// Print the plan of each stage and change nothing.
    #[arg(long, conflicts_with = "diff")]
    pub(crate) dry_run: bool,
    /// Print how each file would change and change nothing.
    #[arg(long)]
    pub(crate) diff: bool,
    /// First stage to do: preflight, pki, kubeconfig, etcd, control-plane, kubelet; then, with a running kubelet,
    /// wait-control-plane, upload-config, upload-certs, mark-control-plane, bootstrap-token, kubelet-finalize, addons.
    #[arg(long, value_name = "STAGE")]
    pub(crate) from: Option<String>,
    /// Last stage to do. Default: kubelet; addons for a run that begins after kubelet.
    #[arg(long, value_name = "STAGE")]
    pub(crate) until: Option<String>,
    /// Stage to leave out; may be repeated.
    #[arg(long, value_name = "STAGE")]
    pub(crate) skip: Vec<String>,
    /// Write the API objects as YAML files into this directory, for later application.
    #[arg(long, value_name = "DIR")]
    pub(crate) objects_dir: Option<PathBuf>,
    /// Bring the certificates to further control planes, sealed with `certificateKey`, as a Secret in `--objects-dir` or
    /// by stage upload-certs; a configuration that has a key asks for it by that.
    #[arg(long)]
    pub(crate) upload_certs: bool,
    /// Leave token and certificate key out of the join commands.
    #[arg(long)]
    pub(crate) skip_token_print: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Print a fresh bootstrap token.
    Generate,
    /// Make a token valid in the cluster, and print it.
    #[cfg(feature = "api")]
    Create(cluster::CreateArgs),
    /// List the tokens of the cluster, and what is wrong with them.
    #[cfg(feature = "api")]
    List(cluster::ListArgs),
    /// Delete tokens from the cluster.
    #[cfg(feature = "api")]
    Delete(cluster::DeleteArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CertsArgs {
    /// The directory that stands for `/`.
    #[arg(long, global = true, value_name = "DIR", default_value = "/")]
    pub(crate) root: PathBuf,
    /// kubeadm configuration the tree was made from; without it, kubeadm's default places are used.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: CertsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CertsCommand {
    /// List certificates with their expiry.
    List,
    /// Renew certificates and kubeconfig credentials, also long after their expiry.
    Renew {
        /// `all`, or kubeadm's names: apiserver, etcd-peer, admin.conf and so on.
        #[arg(value_name = "NAME", default_value = "all")]
        names: Vec<String>,
        /// Print what would be renewed and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Print a fresh key for `certificateKey`, which seals certificates for further control planes.
    CertificateKey,
    /// Make keys and certificate requests for an authority elsewhere.
    Csr {
        /// Where requests and keys go (as node path below the root). Default: the certificates directory.
        #[arg(long, value_name = "DIR")]
        out: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a configuration and report every problem at once.
    Validate {
        /// The configuration (`-` reads standard input).
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Print a configuration in the current version with every default filled in.
    Migrate {
        /// The configuration (`-` reads standard input).
        #[arg(long, value_name = "FILE", visible_alias = "old-config")]
        config: PathBuf,
    },
    /// Print the images that a cluster needs.
    Images {
        /// The configuration (`-` reads standard input).
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Kubernetes version, if there is no configuration.
        #[arg(long, value_name = "VERSION", conflicts_with = "config")]
        kubernetes_version: Option<String>,
        /// Image repository, if there is no configuration.
        #[arg(long, value_name = "REPOSITORY", conflicts_with = "config")]
        image_repository: Option<String>,
    },
    /// Print a document with the defaults.
    Defaults {
        /// Which document.
        #[arg(value_enum, default_value_t = DefaultsKind::Init)]
        kind: DefaultsKind,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DefaultsKind {
    /// InitConfiguration and ClusterConfiguration.
    Init,
    /// JoinConfiguration.
    Join,
    /// ResetConfiguration.
    Reset,
}

#[derive(Debug, Args)]
pub(crate) struct CniArgs {
    #[command(subcommand)]
    pub(crate) command: CniCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CniCommand {
    /// Say which configuration of a directory is used and why, and which plugins are missing.
    List {
        /// The directory of configurations.
        #[arg(value_name = "DIR", default_value = "/etc/cni/net.d")]
        directory: PathBuf,
        /// Where programs of plugins are; directories with `:` between them, or several times.
        #[arg(long, value_name = "DIR", value_delimiter = ':', default_value = "/opt/cni/bin")]
        plugin_path: Vec<PathBuf>,
    },
}
