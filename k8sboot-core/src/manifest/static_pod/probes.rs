//! Liveness, readiness and startup probes.

use serde_json::{Map, Value, json};

use crate::{
    config::{InitConfig, v1beta4::Arg},
    manifest::{object::set, versions::Release},
    time::GoDuration,
};

/// The probes of one component: which paths are asked for, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Probes {
    pub(super) liveness: &'static str,
    pub(super) readiness: Option<&'static str>,
    pub(super) startup: &'static str,
    pub(super) endpoint: Endpoint,
    /// Failures after which a starting component is given up.
    pub(super) startup_failures: i64,
}

/// Where a component answers probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// None: the pod's own address.
    pub(super) host: Option<String>,
    pub(super) port: u32,
    pub(super) scheme: &'static str,
}

impl Probes {
    /// The fields of the container.
    pub(super) fn fields(&self, release: &Release) -> Map<String, Value> {
        let port = if release.named_probe_port { json!("probe-port") } else { json!(self.endpoint.port) };
        let get = |path: &str| {
            let mut get = json!({"path": path, "port": port, "scheme": self.endpoint.scheme});
            if let Some(host) = &self.endpoint.host {
                set(&mut get, "host", host.as_str());
            }
            get
        };
        let mut startup = json!({
            "httpGet": get(self.startup), "initialDelaySeconds": 10, "periodSeconds": 10, "timeoutSeconds": 15,
        });
        if self.startup_failures != 0 {
            set(&mut startup, "failureThreshold", self.startup_failures);
        }
        let mut fields = Map::from_iter([
            ("startupProbe".to_owned(), startup),
            (
                "livenessProbe".to_owned(),
                json!({
                    "httpGet": get(self.liveness), "initialDelaySeconds": 10, "periodSeconds": 10, "timeoutSeconds": 15,
                    "failureThreshold": 8,
                }),
            ),
        ]);
        if let Some(path) = self.readiness {
            let probe = json!({"httpGet": get(path), "periodSeconds": 1, "timeoutSeconds": 15, "failureThreshold": 3});
            fields.insert("readinessProbe".to_owned(), probe);
        }
        if release.named_probe_port {
            let ports =
                json!([{"containerPort": self.endpoint.port, "name": "probe-port", "protocol": "TCP"}]);
            fields.insert("ports".to_owned(), ports);
        }
        fields
    }
}

/// The startup probe's failures: the time that a component may take to come up, in periods of 10 s, rounded up.
pub(super) fn startup_failures(config: &InitConfig) -> i64 {
    const PERIOD_NANOS: i64 = 10_000_000_000;
    let timeouts = config.init().timeouts.as_ref();
    let limit = timeouts.and_then(|t| t.control_plane_component_health_check);
    let nanos = limit.unwrap_or(GoDuration::from_seconds(240)).nanoseconds();
    nanos.div_euclid(PERIOD_NANOS) + i64::from(nanos.rem_euclid(PERIOD_NANOS) != 0)
}

/// The host to ask: none where a component listens on every address, or is told no address at all.
pub(super) fn host(address: &str) -> Option<String> {
    (!matches!(address, "" | "0.0.0.0" | "::")).then(|| address.to_owned())
}

/// Where etcd answers: the first URL of the user's `listen-metrics-urls`, else HTTP on the local host, port 2381.
///
/// Unlike the other components' hosts `0.0.0.0` is kept. A URL without a host or with an impossible port is ignored.
pub(super) fn etcd_endpoint(extra: &[Arg], local_host: &str) -> Endpoint {
    const METRICS_PORT: u32 = 2381;
    let default = Endpoint { host: Some(local_host.to_owned()), port: METRICS_PORT, scheme: "HTTP" };
    let url = super::args::last(extra, "listen-metrics-urls").and_then(|urls| urls.split(',').next());
    let Some((scheme, host, port)) = url.and_then(parse_url) else { return default };
    Endpoint {
        host: Some(host.to_owned()),
        port: port.parse::<u16>().ok().filter(|port| *port > 0).map_or(METRICS_PORT, u32::from),
        scheme: if scheme.eq_ignore_ascii_case("https") { "HTTPS" } else { "HTTP" },
    }
}

/// Scheme, host without brackets and port of a URL.
fn parse_url(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("//")?;
    let scheme = if scheme.is_empty() { scheme } else { scheme.strip_suffix(':')? };
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
    };
    let port = if port.is_empty() { port } else { port.strip_prefix(':')? };
    let fits = !host.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    fits.then_some((scheme, host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_on_every_address_is_asked_at_the_pods_own() {
        for (address, want) in [
            ("", None),
            ("0.0.0.0", None),
            ("::", None),
            ("::1", Some("::1")),
            ("localhost", Some("localhost")),
        ] {
            assert_eq!(host(address).as_deref(), want, "{address}");
        }
    }

    #[test]
    fn etcd_is_asked_where_it_serves_metrics() {
        for (urls, host, port, scheme) in [
            (None, "127.0.0.1", 2381, "HTTP"),
            (Some("http://0.0.0.0:2391"), "0.0.0.0", 2391, "HTTP"),
            (Some("https://[::1]:2400,http://10.0.0.1:1"), "::1", 2400, "HTTPS"),
            (Some("http://metrics.local"), "metrics.local", 2381, "HTTP"),
            (Some("https://u:p@h:9/x"), "h", 9, "HTTPS"),
            (Some("http://h:"), "h", 2381, "HTTP"),
            (Some("http://h:0"), "h", 2381, "HTTP"),
            (Some("http://h:65536"), "h", 2381, "HTTP"),
            (Some("0.0.0.0:2391"), "127.0.0.1", 2381, "HTTP"),
            (Some("http://:2391"), "127.0.0.1", 2381, "HTTP"),
            (Some("http://h:x"), "127.0.0.1", 2381, "HTTP"),
            (Some(""), "127.0.0.1", 2381, "HTTP"),
        ] {
            let extra: Vec<Arg> =
                urls.iter().map(|u| Arg { name: "listen-metrics-urls".into(), value: (*u).into() }).collect();
            let want = Endpoint { host: Some(host.into()), port, scheme };
            assert_eq!(etcd_endpoint(&extra, "127.0.0.1"), want, "{urls:?}");
        }
    }
}
