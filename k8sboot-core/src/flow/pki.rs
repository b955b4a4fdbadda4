//! Stage `pki`: the certificate tree and the service-account key pair.
//!
//! Source: kubeadm 1.36, phase certs. What is there and fits is kept. Unlike kubeadm, a key whose certificate is missing
//! is completed (so a run that was killed between the two goes on), and a certificate that lacks a name of the
//! configuration is an error instead of a surprise at the first TLS handshake.

use std::collections::BTreeMap;

use super::{InitOptions, certs::finish_pairs, files};
use crate::{
    config::InitConfig,
    facts::{Content, Facts, FileFact, Want, Wanted},
    pki::{
        self, CertSpec, Certificate, Defect, Finding, KeySpec, PublicKey,
        check::{Decision, Found, KeyDecision, decide, decide_key},
    },
    plan::{Action, Guard, IssuerRef, KeyPairAction, Plan, PlanError, Step},
};

const STAGE: &str = "pki";

pub(super) fn wanted(config: &InitConfig, options: &InitOptions) -> Result<Wanted, PlanError> {
    let mut paths = Vec::new();
    for spec in specs(config, options)? {
        paths.push((format!("{}.crt", path(config, &spec.path)), Want::Text));
        paths.push((format!("{}.key", path(config, &spec.path)), Want::PrivateKey));
    }
    let account = path(config, account(config, options)?.path);
    paths.push((format!("{account}.key"), Want::PrivateKey));
    paths.push((format!("{account}.pub"), Want::Text));
    Ok(files::want(paths.iter().map(|(path, want)| (path.as_str(), *want))))
}

/// Asks for what [`is_external`] and the objects need too.
pub(super) fn with_authority(wanted: Wanted, config: &InitConfig) -> Wanted {
    wanted.file(path(config, "ca.crt"), Want::Text).file(path(config, "ca.key"), Want::Kind)
}

/// Whether the cluster CA's key is kept elsewhere.
pub(super) fn is_external(config: &InitConfig, seen: &Facts) -> bool {
    !seen.file(&path(config, "ca.crt")).is_missing() && seen.file(&path(config, "ca.key")).is_missing()
}

pub(super) fn plan(config: &InitConfig, options: &InitOptions, seen: &Facts) -> Result<Plan, PlanError> {
    let specs = specs(config, options)?;
    let mut steps = finish_pairs(config, &specs, seen);
    let finished: Vec<String> = steps.iter().flat_map(|step| step.action.paths()).collect();
    steps.extend(files::remove_leftovers(STAGE, seen, &finished));
    let mut notes = Vec::new();
    let mut authorities: BTreeMap<String, Authority> = BTreeMap::new();
    for spec in specs {
        let base = path(config, &spec.path);
        let found = look(seen, &base, &finished)?;
        let issuer = spec.issuer.as_ref().and_then(|name| authorities.get(name));
        let anchors = issuer.map(|authority| authority.certificates.as_slice());
        let found_pair = Found { certificate: found.certificate, key: found.key };
        let decision = decide(&spec, found_pair, anchors, options.now);
        let key_exists = matches!(decision, Decision::CreateForExistingKey { .. });
        let external = matches!(decision, Decision::External { .. });
        match decision {
            Decision::Broken(source) => {
                return Err(PlanError::Pki { path: format!("{base}.crt"), source: Box::new(source) });
            }
            Decision::Keep { findings } | Decision::External { findings } => {
                notes.extend(tell(&base, findings)?);
            }
            Decision::Create | Decision::CreateForExistingKey { .. } => {
                if issuer.is_some_and(|authority| authority.external) {
                    return Err(PlanError::Unusable {
                        path: format!("{base}.crt"),
                        expected: "a certificate and its key, since the authority's key is kept elsewhere".to_owned(),
                        found: if key_exists { "a key only" } else { "nothing" }.to_owned(),
                        remedy: "make requests with `certs csr` and have them signed, or provide the authority's key"
                            .to_owned(),
                    });
                }
                let issuer = spec.issuer.as_deref().and_then(|name| authorities.get(name));
                let issuer = issuer.map(|authority| IssuerRef { path: authority.path.clone() });
                steps.push(step(&spec, &base, issuer, key_exists));
            }
        }
        if spec.issuer.is_none() {
            let certificates = found.certificate.map(Certificate::all_from_pem).transpose();
            let certificates = certificates
                .map_err(|source| PlanError::Pki { path: format!("{base}.crt"), source: Box::new(source) })?;
            let certificates = certificates.unwrap_or_default();
            authorities.insert(spec.name, Authority { path: base, external, certificates });
        }
    }
    steps.extend(service_account(config, &account(config, options)?, seen, &mut notes)?);
    Ok(Plan::new(STAGE, steps, notes))
}

struct Authority {
    path: String,
    external: bool,
    certificates: Vec<Certificate>,
}

struct Seen<'a> {
    certificate: Option<&'a str>,
    key: Option<&'a PublicKey>,
}

fn specs(config: &InitConfig, options: &InitOptions) -> Result<Vec<CertSpec>, PlanError> {
    pki::control_plane_with(config, &options.policy).map_err(|source| PlanError::Pki {
        path: config.certificates_dir().to_owned(),
        source: Box::new(source),
    })
}

fn account(config: &InitConfig, options: &InitOptions) -> Result<KeySpec, PlanError> {
    options.policy.apply_to_service_account(pki::service_account(config)).map_err(|source| PlanError::Pki {
        path: config.certificates_dir().to_owned(),
        source: Box::new(source),
    })
}

fn path(config: &InitConfig, below: &str) -> String {
    format!("{}/{below}", config.certificates_dir())
}

fn look<'a>(seen: &'a Facts, base: &str, finished: &[String]) -> Result<Seen<'a>, PlanError> {
    let certificate = format!("{base}.crt");
    // A pair that is about to be completed counts as complete.
    let at = if finished.contains(&certificate) { files::temporary(&certificate) } else { certificate };
    Ok(Seen { certificate: text(seen, &at)?, key: key(seen, &format!("{base}.key"))? })
}

pub(super) fn text<'a>(seen: &'a Facts, path: &str) -> Result<Option<&'a str>, PlanError> {
    match seen.file(path) {
        FileFact::Missing => Ok(None),
        FileFact::File { content: Content::Text(text), .. } => Ok(Some(text)),
        other => Err(files::kind_error(path, "a regular file", other)),
    }
}

pub(super) fn key<'a>(seen: &'a Facts, path: &str) -> Result<Option<&'a PublicKey>, PlanError> {
    match seen.file(path) {
        FileFact::Missing => Ok(None),
        FileFact::File { content: Content::Key(key), .. } => Ok(Some(key)),
        FileFact::File { content: Content::Unusable(why), .. } => Err(PlanError::Unusable {
            path: path.to_owned(),
            expected: "a private key".to_owned(),
            found: why.clone(),
            remedy: "restore the key, or remove it together with its certificate".to_owned(),
        }),
        other => Err(files::kind_error(path, "a regular file", other)),
    }
}

fn step(spec: &CertSpec, base: &str, issuer: Option<IssuerRef>, key_exists: bool) -> Step {
    let why = match (spec.issuer.is_none(), key_exists) {
        (true, _) => "certificate authority of the cluster",
        (false, true) => "the key is there, its certificate is not",
        (false, false) => "certificate of the control plane",
    };
    let pair = KeyPairAction { spec: spec.clone(), path: base.to_owned(), issuer, key_exists };
    let guard = if key_exists { Guard::None } else { Guard::Absent };
    Step::new(format!("{STAGE}/{}", spec.name), why, Action::EnsureKeyPair(Box::new(pair)), guard)
}

/// What is worth saying about a kept certificate; a missing name is an error.
fn tell(base: &str, findings: Vec<Finding>) -> Result<Vec<String>, PlanError> {
    if let Some(missing) = findings.iter().find(|finding| finding.defect == Defect::SanMissing) {
        return Err(PlanError::Pki { path: format!("{base}.crt"), source: Box::new(missing.clone().into()) });
    }
    let keep = |finding: &Finding| format!("{base}.crt is kept: {finding}");
    Ok(findings.iter().map(keep).collect())
}

fn service_account(
    config: &InitConfig,
    spec: &KeySpec,
    seen: &Facts,
    notes: &mut Vec<String>,
) -> Result<Option<Step>, PlanError> {
    let base = path(config, spec.path);
    let private = key(seen, &format!("{base}.key"))?;
    let public_path = format!("{base}.pub");
    let broken = |source| PlanError::Pki { path: public_path.clone(), source: Box::new(source) };
    let public = text(seen, &public_path)?.map(PublicKey::from_pem).transpose().map_err(broken)?;
    let make = |key_exists: bool, why: &str| {
        let action = Action::EnsureKey { path: base.clone(), algorithm: spec.algorithm, key_exists };
        let guard = if key_exists { Guard::None } else { Guard::Absent };
        Some(Step::new(format!("{STAGE}/{}", spec.path), why, action, guard))
    };
    match decide_key(spec, private, public.as_ref()) {
        KeyDecision::Create => Ok(make(false, "signs and verifies service-account tokens")),
        KeyDecision::WritePublic { .. } => Ok(make(true, "the private key is there, the public one is not")),
        KeyDecision::Keep { findings } => {
            notes.extend(findings.iter().map(|finding| format!("{base}.key is kept: {finding}")));
            Ok(None)
        }
        KeyDecision::Broken(source) => {
            Err(PlanError::Pki { path: format!("{base}.key"), source: Box::new(source) })
        }
    }
}
