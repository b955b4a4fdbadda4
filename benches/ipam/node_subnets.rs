//! A cluster CIDR split into node subnets.

use std::time::{Duration, Instant};

use k8sboot_benches::{Cases, Failure, Timing};
use k8sboot_core::{
    cidr::Cidr,
    ipam::{ClusterCidr, NodeSubnets, split},
};

/// What one node may cost.
const TARGET: Duration = Duration::from_nanos(50);
/// As many node subnets as kube-controller-manager can have.
const MOST: u32 = 65_536;

/// Every case of node subnets.
pub(crate) fn cases(b: &mut Cases) -> Result<(), Failure> {
    let nodes = if b.measures() { MOST } else { 256 };
    let names: Vec<String> = (0..nodes).map(|n| format!("node-{n}.example.internal")).collect();
    let v4: Cidr = "10.0.0.0/8".parse()?;
    let v6: Cidr = "fd00:10::/48".parse()?;

    b.case("nodes/split").at_most(TARGET).run_timed(|| {
        each(nodes, || {
            Ok(split(&v4, 24)?.take(names.len()).map(|cidr| u32::from(cidr.length())).sum::<u32>())
        })
    });
    let dual = [v4.clone(), v6.clone()];
    for (name, clusters) in [("ipv4", &dual[..1]), ("ipv6", &dual[1..]), ("dual-stack", &dual[..])] {
        let clusters: Vec<ClusterCidr> = clusters.iter().cloned().map(ClusterCidr::new).collect();
        // All nodes of a new cluster, one after the other; the names are new each time.
        let case = b.case(format!("nodes/{name}/all"));
        let case = if clusters.len() == 1 { case.at_most(TARGET) } else { case };
        case.run_timed(|| {
            let (mut subnets, mut out) = (NodeSubnets::new(&clusters)?, Vec::new());
            each(nodes, || {
                names.iter().try_for_each(|name| subnets.allocate(name, &mut out))?;
                Ok(subnets.nodes())
            })
        });
        let mut subnets = NodeSubnets::new(&clusters)?;
        let mut out = Vec::new();
        for name in names.iter().skip(1) {
            subnets.allocate(name, &mut out)?;
        }
        // A node that comes and goes while all other subnets are taken.
        b.case(format!("nodes/{name}/last-one")).run(|| {
            subnets.allocate("one-more", &mut out)?;
            Ok(subnets.release("one-more"))
        });
    }
    Ok(())
}

/// What one of so many costs.
fn each<T>(count: u32, work: impl FnOnce() -> Result<T, Failure>) -> Result<Timing, Failure> {
    let start = Instant::now();
    let whole = Timing::of(work)?;
    Ok(Timing { time: start.elapsed() / count, cpu: whole.cpu / count })
}
