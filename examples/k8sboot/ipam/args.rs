//! The arguments of `k8sboot ipam`.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use k8sboot_core::{cidr::Cidr, time::GoDuration};

#[derive(Debug, Args)]
pub(crate) struct IpamArgs {
    #[command(subcommand)]
    pub(crate) command: IpamCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IpamCommand {
    /// Give an interface of a container one address of each subnet, or none at all.
    Add {
        #[command(flatten)]
        network: Network,
        /// Subnet to give an address of; several for dual stack.
        #[arg(long = "subnet", value_name = "CIDR", required = true)]
        subnets: Vec<Cidr>,
        #[command(flatten)]
        owner: OwnerArgs,
        /// Address wanted; may be repeated.
        #[arg(long = "ip", value_name = "ADDRESS")]
        addresses: Vec<IpAddr>,
    },
    /// Free everything that an interface of a container holds.
    Del {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        owner: OwnerArgs,
    },
    /// Draw the pool: one cell an address, coloured by its state.
    Show {
        #[command(flatten)]
        network: Network,
        /// Subnet to draw. Default: those that the records lie in.
        #[arg(long = "subnet", value_name = "CIDR")]
        subnets: Vec<Cidr>,
        #[command(flatten)]
        witnesses: WitnessArgs,
        /// Write the picture as SVG into this file as well.
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
    /// Say which addresses are leaked or broken, and why; free them with `--yes`.
    Gc {
        #[command(flatten)]
        network: Network,
        /// Subnet of the network, to report what is free as well.
        #[arg(long = "subnet", value_name = "CIDR")]
        subnets: Vec<Cidr>,
        #[command(flatten)]
        witnesses: WitnessArgs,
        /// Free what the report says. Without it nothing is changed.
        #[arg(long)]
        yes: bool,
    },
    /// Say which files of the directory are not as they should be, and what helps; repair them with `--yes`.
    Repair {
        #[command(flatten)]
        network: Network,
        /// Subnet of the network: what lies outside is told.
        #[arg(long = "subnet", value_name = "CIDR")]
        subnets: Vec<Cidr>,
        #[command(flatten)]
        witnesses: WitnessArgs,
        /// Remove records whose content is nobody's as well.
        #[arg(long)]
        remove_foreign: bool,
        /// Do what helps. Without it nothing is changed.
        #[arg(long)]
        yes: bool,
    },
}

/// Whose files.
#[derive(Debug, Args)]
pub(crate) struct Network {
    /// Where networks keep their addresses, as host-local's `dataDir`.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/cni/networks")]
    pub(crate) data_dir: PathBuf,
    /// The name of the network.
    #[arg(long = "network", value_name = "NAME")]
    pub(crate) name: String,
}

/// For whom.
#[derive(Debug, Args)]
pub(crate) struct OwnerArgs {
    /// The container ID.
    #[arg(long, value_name = "ID")]
    pub(crate) container: String,
    /// The interface.
    #[arg(long, value_name = "NAME", default_value = "eth0")]
    pub(crate) ifname: String,
}

/// Who is asked which addresses are alive.
#[derive(Debug, Args)]
pub(crate) struct WitnessArgs {
    /// Ask Docker for its containers, at this socket.
    #[cfg(feature = "docker")]
    #[arg(
        long,
        value_name = "SOCKET",
        num_args = 0..=1,
        default_missing_value = k8sboot_core::probe::witness::DOCKER_SOCKET
    )]
    pub(crate) docker: Option<PathBuf>,
    /// Ask containerd or CRI-O for its sandboxes, at this socket; may be repeated.
    #[cfg(feature = "cri")]
    #[arg(long, value_name = "SOCKET")]
    pub(crate) cri: Vec<PathBuf>,
    /// Read the addresses inside every network namespace of this host; needs root.
    #[arg(long)]
    pub(crate) netns: bool,
    /// Read the CNI results stored below this directory, for example /var/lib/cni; may be repeated.
    #[arg(long, value_name = "DIR")]
    pub(crate) cni_cache: Vec<PathBuf>,
    /// No other runtime than those asked uses the network: what they do not list is leaked even if the namespaces are
    /// not read.
    #[arg(long)]
    pub(crate) all_runtimes: bool,
    /// Believe a runtime that lists nothing; it is not restarting.
    #[arg(long)]
    pub(crate) believe_empty: bool,
    /// Keep what is younger than this.
    #[arg(long, value_name = "DURATION", value_parser = grace, default_value = "10m")]
    pub(crate) grace: Duration,
}

fn grace(text: &str) -> Result<Duration, String> {
    let nanoseconds = text.parse::<GoDuration>().map_err(|error| error.to_string())?.nanoseconds();
    let grace = u64::try_from(nanoseconds).map_err(|_| "expected no negative duration".to_owned())?;
    Ok(Duration::from_nanos(grace))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use k8sboot_core::ipam::leak::DEFAULT_GRACE;

    use super::*;

    #[test]
    fn the_default_grace_is_the_librarys() {
        assert_eq!(grace("10m").unwrap(), DEFAULT_GRACE);
        assert!(grace("-1s").is_err() && grace("10").is_err());
    }
}
