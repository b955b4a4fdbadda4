//! `JoinConfig`: a configuration for join whose every default is filled in and every rule checked.

use std::net::IpAddr;

use super::{
    ConfigError, ConfigErrors, ControlPlaneEndpoint, Documents, defaults,
    rules::{self, Report},
    v1beta4,
};
use crate::{
    error::Code,
    facts::NodeFacts,
    token::{BootstrapToken, CaPin},
};

/// How a joining node finds the cluster and comes to trust it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Discovery {
    /// By a bootstrap token and pins of the cluster's CA.
    #[non_exhaustive]
    Token {
        /// The token.
        token: BootstrapToken,
        /// Host and port of an API server; the port is always given.
        endpoint: ControlPlaneEndpoint,
        /// Pins of which one must match; empty only if whoever answers is trusted.
        ca_pins: Vec<CaPin>,
    },
    /// By a kubeconfig on this node.
    #[non_exhaustive]
    File {
        /// Its path.
        path: String,
    },
    /// By a kubeconfig fetched over https.
    #[non_exhaustive]
    Url {
        /// Its address.
        url: String,
    },
}

/// A proven join configuration. Made by [`Documents::into_join`].
#[derive(Clone, Debug)]
pub struct JoinConfig {
    join: v1beta4::JoinConfiguration,
    host: NodeFacts,
    discovery: Discovery,
    tls_bootstrap_token: Option<BootstrapToken>,
    control_plane: Option<(IpAddr, u16)>,
    warnings: Vec<ConfigError>,
}

impl JoinConfig {
    /// The JoinConfiguration document, defaults filled in.
    #[must_use]
    pub const fn join(&self) -> &v1beta4::JoinConfiguration {
        &self.join
    }

    /// The facts about the host that the defaults came from.
    #[must_use]
    pub const fn host(&self) -> &NodeFacts {
        &self.host
    }

    /// The node's name, lower case, an RFC 1123 subdomain.
    #[must_use]
    pub fn node_name(&self) -> &str {
        &self.join.node_registration.name
    }

    /// How the cluster is found and trusted.
    #[must_use]
    pub const fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    /// The token for the kubelet's first certificate; without one the discovery kubeconfig must have credentials.
    #[must_use]
    pub const fn tls_bootstrap_token(&self) -> Option<&BootstrapToken> {
        self.tls_bootstrap_token.as_ref()
    }

    /// Address and port of this node's API server, if it becomes a control plane.
    #[must_use]
    pub const fn control_plane(&self) -> Option<(IpAddr, u16)> {
        self.control_plane
    }

    /// What is allowed but probably not wanted.
    #[must_use]
    pub fn warnings(&self) -> &[ConfigError] {
        &self.warnings
    }
}

/// Fills in the defaults of the documents and proves every rule for join.
pub(super) fn prove(mut documents: Documents, host: &NodeFacts) -> Result<JoinConfig, ConfigErrors> {
    documents.warn_unused("join", &["JoinConfiguration"]);
    let Documents { join, positions, mut warnings, .. } = documents;
    let Some(mut join) = join else {
        return Err(ConfigError::new(Code::CONFIG_MISSING, "", "", "a JoinConfiguration", "none").into());
    };
    let mut report = Report::new(&positions);
    defaults::static_join(&mut join);
    defaults::host_join(&mut report, &mut join, host);

    report.on("JoinConfiguration");
    rules::node_registration(&mut report, &join.node_registration);
    rules::absolute(&mut report, "caCertPath", &join.ca_cert_path);
    if !join.ca_cert_path.ends_with(".crt") {
        report.value("caCertPath", "a path that ends in .crt", &join.ca_cert_path, "");
    }
    rules::timeouts(&mut report, &join.timeouts.clone().unwrap_or_default());
    let discovery = discovery(&mut report, &join.discovery);
    let own_token = join.discovery.bootstrap_token.as_ref().map(|own| &own.token);
    let tls_bootstrap_token = match &join.discovery.tls_bootstrap_token {
        given if given.is_empty() => None,
        // The default; reported once, as the discovery token.
        same if own_token == Some(same) => same.expose().parse().ok(),
        given => token(&mut report, "discovery.tlsBootstrapToken", given),
    };
    let control_plane = join.control_plane.as_ref().and_then(|control_plane| {
        let endpoint = &control_plane.local_api_endpoint;
        let field = "controlPlane.localAPIEndpoint";
        rules::certificate_key(&mut report, "controlPlane.certificateKey", &control_plane.certificate_key);
        let address = rules::advertise_address(&mut report, &format!("{field}.advertiseAddress"), endpoint);
        let port = rules::bind_port(&mut report, &format!("{field}.bindPort"), endpoint.bind_port);
        address.zip(port)
    });

    let Report { errors, warnings: more, .. } = report;
    let (true, Some(discovery)) = (errors.is_empty(), discovery) else {
        return Err(ConfigErrors::sorted(errors));
    };
    warnings.extend(more);
    Ok(JoinConfig { join, host: host.clone(), discovery, tls_bootstrap_token, control_plane, warnings })
}

fn discovery(report: &mut Report<'_>, discovery: &v1beta4::Discovery) -> Option<Discovery> {
    match (&discovery.bootstrap_token, &discovery.file) {
        (None, None) => {
            let remedy = "a bootstrap token with the CA's hash is the usual way";
            report.missing("discovery", "either bootstrapToken or file", remedy);
            None
        }
        (Some(_), Some(_)) => {
            let found = "both".into();
            report.conflict("discovery", "either bootstrapToken or file", found, "leave one of them out");
            None
        }
        (Some(by_token), None) => token_discovery(report, by_token),
        (None, Some(file)) => file_discovery(report, &file.kube_config_path),
    }
}

fn token_discovery(report: &mut Report<'_>, discovery: &v1beta4::TokenDiscovery) -> Option<Discovery> {
    let token = token(report, "discovery.bootstrapToken.token", &discovery.token);
    let endpoint = endpoint(report, &discovery.api_server_endpoint);
    let field = "discovery.bootstrapToken.caCertHashes";
    let mut ca_pins = Vec::new();
    for (index, hash) in discovery.ca_cert_hashes.iter().enumerate() {
        match hash.parse() {
            Ok(pin) => ca_pins.push(pin),
            Err(_) => {
                let expected = "sha256: and 64 hexadecimal digits";
                report.value(&format!("{field}[{index}]"), expected, hash, "");
            }
        }
    }
    if discovery.ca_cert_hashes.is_empty() && !discovery.unsafe_skip_ca_verification {
        let remedy = "without one anybody on the way can pose as the cluster; \
                      unsafeSkipCAVerification: true takes the risk";
        report.missing(field, "at least one hash of the cluster's CA", remedy);
    }
    Some(Discovery::Token { token: token?, endpoint: endpoint?, ca_pins })
}

fn endpoint(report: &mut Report<'_>, text: &str) -> Option<ControlPlaneEndpoint> {
    let field = "discovery.bootstrapToken.apiServerEndpoint";
    if text.is_empty() {
        report.missing(field, "HOST:PORT of an API server", "");
        return None;
    }
    match rules::host_port(text) {
        Ok((host, Some(port))) => return Some(ControlPlaneEndpoint { host, port: Some(port) }),
        Ok((_, None)) => report.value(field, "HOST:PORT", text, "add the port, usually :6443"),
        Err(remedy) => report.value(field, "HOST:PORT", text, remedy),
    }
    None
}

fn file_discovery(report: &mut Report<'_>, path: &str) -> Option<Discovery> {
    let field = "discovery.file.kubeConfigPath";
    if path.is_empty() {
        report.missing(field, "a path or an https address", "");
        return None;
    }
    match path.split_once("://") {
        None => Some(Discovery::File { path: path.to_owned() }),
        Some(("https", rest)) if !rest.is_empty() => Some(Discovery::Url { url: path.to_owned() }),
        Some(_) => {
            report.value(field, "a path or an https address", path, "only https can be trusted");
            None
        }
    }
}

fn token(report: &mut Report<'_>, field: &str, text: &v1beta4::SecretText) -> Option<BootstrapToken> {
    let token = text.expose().parse().ok();
    if text.is_empty() {
        report.missing(field, "a bootstrap token", "kubeadm token create makes one");
    } else if token.is_none() {
        let found = format!("{} characters", text.expose().chars().count());
        report.value_of(field, "a token [a-z0-9]{6}.[a-z0-9]{16}", found, "");
    }
    token
}
