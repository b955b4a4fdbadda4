//! Stage `kubeconfig`: the five kubeconfigs of a first control plane.
//!
//! Source: kubeadm 1.36, phase kubeconfig: an existing file is kept if it trusts the cluster's CA, and refused if it does
//! not; another server in it is only reported. Unlike kubeadm, a missing one is put together from `FILE.crt` and
//! `FILE.key` beside it if the certificate was signed elsewhere.

use super::{
    InitOptions, files,
    pki::{key, text},
};
use crate::{
    config::InitConfig,
    facts::{Content, Facts, FileFact, SeenKubeconfig, Want, Wanted},
    pki::{self, Certificate, Decision, Found, KubeconfigSpec, Severity, decide},
    plan::{Action, ClientKubeconfig, Guard, IssuerRef, Plan, PlanError, Step},
    time::Timestamp,
};

const STAGE: &str = "kubeconfig";
const DIRECTORY: &str = "/etc/kubernetes";

pub(super) fn wanted(config: &InitConfig, options: &InitOptions) -> Result<Wanted, PlanError> {
    let ca = ca_path(config);
    let mut paths = Vec::new();
    for path in specs(config, options)?.iter().map(path) {
        paths.push((format!("{path}.crt"), Want::Text));
        paths.push((format!("{path}.key"), Want::PrivateKey));
        paths.push((path, Want::Kubeconfig));
    }
    Ok(files::want(paths.iter().map(|(path, want)| (path.as_str(), *want)))
        .file(format!("{ca}.crt"), Want::Text)
        .file(format!("{ca}.key"), Want::Kind))
}

pub(super) fn plan(
    config: &InitConfig,
    options: &InitOptions,
    makes_pki: bool,
    seen: &Facts,
) -> Result<Plan, PlanError> {
    let ca = ca_path(config);
    let authority = seen.text(&format!("{ca}.crt"));
    if authority.is_none() && !makes_pki {
        return Err(PlanError::Unusable {
            path: format!("{ca}.crt"),
            expected: "the cluster's CA".to_owned(),
            found: "nothing".to_owned(),
            remedy: "do stage pki in this run or before it, or provide certificate and key".to_owned(),
        });
    }
    let external = authority.is_some() && seen.file(&format!("{ca}.key")).is_missing();
    let mut steps = files::remove_leftovers(STAGE, seen, &[]);
    let mut notes = Vec::new();
    for spec in specs(config, options)? {
        let path = path(&spec);
        match seen.file(&path) {
            FileFact::Missing if !seen.file(&format!("{path}.crt")).is_missing() => {
                notes.extend(signed_elsewhere(&path, &spec, authority, options.now, seen)?);
                let id = format!("{STAGE}/{}", spec.file);
                let why = "its certificate was signed elsewhere";
                steps.push(Step::new(id, why, write(spec, path, &ca, true), Guard::Absent));
            }
            FileFact::Missing if external => {
                return Err(PlanError::Unusable {
                    expected: "a kubeconfig, since the cluster CA is external".to_owned(),
                    found: "nothing".to_owned(),
                    remedy: format!(
                        "have the request of `certs csr` signed and put the certificate to {path}.crt, or provide {ca}.key"
                    ),
                    path,
                });
            }
            FileFact::Missing => {
                let why = format!("credentials of {}", spec.user);
                steps.push(Step::new(
                    format!("{STAGE}/{}", spec.file),
                    why,
                    write(spec, path, &ca, false),
                    Guard::Absent,
                ));
            }
            FileFact::File { content: Content::Kubeconfig(there), .. } => {
                notes.extend(keep(&path, there, &spec, authority)?);
            }
            FileFact::File { content: Content::Unusable(why), .. } => {
                return Err(PlanError::Unusable {
                    path,
                    expected: "a kubeconfig".to_owned(),
                    found: why.clone(),
                    remedy: "remove the file to have it written anew".to_owned(),
                });
            }
            other => return Err(files::kind_error(&path, "a regular file", other)),
        }
    }
    Ok(Plan::new(STAGE, steps, notes))
}

fn specs(config: &InitConfig, options: &InitOptions) -> Result<Vec<KubeconfigSpec>, PlanError> {
    pki::kubeconfigs_with(config, &options.policy)
        .map_err(|source| PlanError::Pki { path: DIRECTORY.to_owned(), source: Box::new(source) })
}

fn path(spec: &KubeconfigSpec) -> String {
    format!("{DIRECTORY}/{}", spec.file)
}

fn ca_path(config: &InitConfig) -> String {
    format!("{}/ca", config.certificates_dir())
}

fn write(spec: KubeconfigSpec, path: String, ca: &str, certificate_exists: bool) -> Action {
    Action::WriteKubeconfig(Box::new(ClientKubeconfig {
        path,
        cluster: spec.cluster,
        server: spec.server,
        user: spec.user,
        client: spec.client,
        issuer: IssuerRef { path: ca.to_owned() },
        certificate_exists,
    }))
}

/// Checks a client certificate that came back from an authority elsewhere; gives what is worth saying about it.
///
/// Unlike one that is in use already, a certificate that will not work is refused.
fn signed_elsewhere(
    path: &str,
    spec: &KubeconfigSpec,
    authority: Option<&str>,
    now: Timestamp,
    seen: &Facts,
) -> Result<Vec<String>, PlanError> {
    let certificate_path = format!("{path}.crt");
    let at = |source| PlanError::Pki { path: certificate_path.clone(), source: Box::new(source) };
    let found =
        Found { certificate: text(seen, &certificate_path)?, key: key(seen, &format!("{path}.key"))? };
    let anchors = authority.map(Certificate::all_from_pem).transpose().map_err(at)?.unwrap_or_default();
    match decide(&spec.client, found, Some(&anchors), now) {
        Decision::Broken(source) => Err(at(source)),
        Decision::Keep { findings } => {
            if let Some(finding) = findings.iter().find(|finding| finding.severity() == Severity::Error) {
                return Err(at(finding.clone().into()));
            }
            Ok(findings.iter().map(|finding| format!("{certificate_path} is used: {finding}")).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// Checks a kubeconfig that is there; gives what is worth saying about it.
fn keep(
    path: &str,
    there: &SeenKubeconfig,
    spec: &KubeconfigSpec,
    authority: Option<&str>,
) -> Result<Vec<String>, PlanError> {
    let Some(authority) = authority else {
        return Err(PlanError::Unusable {
            path: path.to_owned(),
            expected: "no kubeconfig, since the cluster CA does not exist yet".to_owned(),
            found: format!("one for user {}", there.user),
            remedy: "remove the file, or restore the cluster CA it belongs to".to_owned(),
        });
    };
    let ders = |pem: &str| -> Vec<Vec<u8>> {
        Certificate::all_from_pem(pem).unwrap_or_default().iter().map(|c| c.der().to_vec()).collect()
    };
    let (trusted, wanted) = (ders(&there.ca_pem), ders(authority));
    if !wanted.iter().any(|certificate| trusted.contains(certificate)) {
        return Err(PlanError::Unusable {
            path: path.to_owned(),
            expected: "a kubeconfig that trusts the cluster's CA".to_owned(),
            found: "one that trusts another CA".to_owned(),
            remedy: "remove the file to have it written anew, or restore the CA it belongs to".to_owned(),
        });
    }
    let mut notes = Vec::new();
    if there.server != spec.server {
        notes.push(format!("{path} is kept although its server is {}, not {}", there.server, spec.server));
    }
    if let Some(key) = &there.client_key {
        let certificate = Certificate::all_from_pem(&there.client_certificate_pem).unwrap_or_default();
        if certificate.first().is_some_and(|certificate| certificate.public_key() != key) {
            return Err(PlanError::Unusable {
                path: path.to_owned(),
                expected: "a client certificate and the key that belongs to it".to_owned(),
                found: "a key that belongs to another certificate".to_owned(),
                remedy: "remove the file to have it written anew".to_owned(),
            });
        }
    }
    Ok(notes)
}
