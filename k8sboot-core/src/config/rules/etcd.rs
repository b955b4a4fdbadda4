//! Stacked or external etcd.

use super::{
    Report,
    text::{absolute, arguments, repository, sans},
};
use crate::config::v1beta4::{Etcd, ExternalEtcd};

pub(super) fn etcd(report: &mut Report<'_>, etcd: &Etcd) {
    if let (Some(_), Some(_)) = (&etcd.local, &etcd.external) {
        report.conflict("etcd", "either local or external", "both".into(), "leave one of them out");
    }
    if let Some(local) = &etcd.local {
        absolute(report, "etcd.local.dataDir", &local.data_dir);
        sans(report, "etcd.local.serverCertSANs", &local.server_cert_sans);
        sans(report, "etcd.local.peerCertSANs", &local.peer_cert_sans);
        arguments(report, "etcd.local.extraArgs", &local.extra_args);
        if !local.image_repository.is_empty() {
            repository(report, "etcd.local.imageRepository", &local.image_repository);
        }
    }
    if let Some(external) = &etcd.external {
        self::external(report, external);
    }
}

fn external(report: &mut Report<'_>, etcd: &ExternalEtcd) {
    if etcd.endpoints.is_empty() {
        report.missing("etcd.external.endpoints", "at least one endpoint", "give https://HOST:2379");
    }
    let files = [
        ("etcd.external.caFile", &etcd.ca_file),
        ("etcd.external.certFile", &etcd.cert_file),
        ("etcd.external.keyFile", &etcd.key_file),
    ];
    let tls = files.iter().any(|(_, path)| !path.is_empty());
    for (list, urls) in
        [("etcd.external.endpoints", &etcd.endpoints), ("etcd.external.httpEndpoints", &etcd.http_endpoints)]
    {
        for (index, url) in urls.iter().enumerate() {
            // Endpoints that were copied to httpEndpoints are reported once.
            if list.ends_with("httpEndpoints") && etcd.endpoints.get(index) == Some(url) {
                continue;
            }
            endpoint(report, &format!("{list}[{index}]"), url, tls);
        }
    }
    for (field, path) in files.iter().filter(|(_, path)| !path.is_empty()) {
        absolute(report, field, path);
    }
    match (etcd.cert_file.is_empty(), etcd.key_file.is_empty(), etcd.ca_file.is_empty()) {
        (true, false, _) => {
            report.missing("etcd.external.certFile", "a certificate for the key", "give both or neither");
        }
        (false, true, _) => {
            report.missing("etcd.external.keyFile", "the key of the certificate", "give both or neither");
        }
        (false, false, true) => {
            report.missing("etcd.external.caFile", "the CA of the servers", "a client certificate needs it");
        }
        _ => {}
    }
}

fn endpoint(report: &mut Report<'_>, field: &str, url: &str, tls: bool) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return report.value(field, "a URL like https://HOST:2379", url, "begin it with https://");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let socket = matches!(scheme, "unix" | "unixs");
    if (authority.is_empty() && !socket) || url.contains(char::is_whitespace) {
        report.value(field, "a URL like https://HOST:2379", url, "");
    } else if !matches!(scheme, "https" | "http" | "unix" | "unixs") {
        report.value(field, "the scheme https or http", url, "");
    } else if tls && scheme != "https" {
        report.value(field, "the scheme https, since TLS files are given", url, "write https://");
    }
}
