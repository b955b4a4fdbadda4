//! Discovery by a join bundle: the trust comes with it, the cluster is asked for the token alone.

use super::{
    DiscoverOptions,
    ask::{Server, answered, bearer, clocks},
    race::{Asker, race},
};
use crate::{
    api::{ApiError, Client, Resource, Trust},
    discovery::{
        Discovered, DiscoveryError, JoinBundle, Seal,
        judge::{self, Clocks},
    },
    exec::Run,
    time::Timestamp,
    token::{BootstrapToken, ClusterInfo},
};

const ANYBODY_PATH: &str = "/version";

pub(super) fn discover(
    text: &str,
    seal: &Seal,
    options: &DiscoverOptions,
    run: &Run,
) -> Result<Discovered, DiscoveryError> {
    let bundle = JoinBundle::open(text, seal, options.time())?;
    if !options.check_credentials {
        return Ok(bundle.discovered());
    }
    let server = bundle.info().server().to_owned();
    let (own, found) = (options.clone(), bundle.discovered());
    let asker: Asker<Discovered> = Box::new(move |asking| {
        let token = bundle.token();
        let trust = Trust::Authorities(bundle.info().ca_pem().to_owned());
        let server = Server::new(bundle.info().server(), trust, bearer(token), None, &own, &asking.cancel)?;
        asking.until(|| {
            let answer = server.get(ANYBODY_PATH, Clocks { local: own.time(), server: None })?;
            judge::credentials(answered(&answer), &format!("token {}", token.id()))?;
            let apart = clocks(&answer, own.time()).apart();
            let found = found.clone();
            Ok(match apart {
                Some(at) => found.warn(format!(
                    "clock: this node's says {}, the server's {at}: set the clocks right (NTP)",
                    own.time()
                )),
                None => found,
            })
        })
    });
    race(vec![(server, asker)], options, run)
}

/// A join bundle from a running cluster: its cluster-info as `client`, who may read it, sees it.
///
/// # Errors
///
/// [`ApiError`] as [`Client::get`], [`ApiError::Answer`] if the cluster has no usable cluster-info.
pub fn join_bundle(
    client: &Client,
    token: &BootstrapToken,
    expires: Timestamp,
) -> Result<JoinBundle, ApiError> {
    let info = cluster_info(client)?;
    JoinBundle::new(&info, token.clone(), expires).map_err(|error| unusable(client, error.to_string()))
}

/// The cluster-info of a cluster whose client is trusted and may read it.
pub(super) fn cluster_info(client: &Client) -> Result<ClusterInfo, ApiError> {
    let object = client.get(&Resource::CONFIG_MAPS, Some("kube-public"), "cluster-info")?;
    let object = object.ok_or_else(|| unusable(client, "none".to_owned()))?;
    let (info, _) =
        ClusterInfo::from_config_map(&object).map_err(|error| unusable(client, error.to_string()))?;
    Ok(info)
}

fn unusable(client: &Client, found: String) -> ApiError {
    ApiError::Answer {
        server: client.server().to_owned(),
        request: format!("GET {}", judge::CLUSTER_INFO_PATH),
        expected: "cluster-info with a server and a CA",
        found,
    }
}
