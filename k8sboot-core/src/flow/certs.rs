//! Certificates of a tree that is there: report of their expiry, renewal, requests for an authority elsewhere.
//!
//! Source: kubeadm 1.36, `certs check-expiration`, `certs renew`, `certs generate-csr`. Needs no API server.

use super::files;
use crate::{
    config::InitConfig,
    facts::{Content, Facts, FileFact, Want, Wanted},
    pki::{self, CertSpec, Certificate, KubeconfigSpec, expiration::ExpirationReport},
    plan::{Action, Guard, IssuerRef, Plan, PlanError, RenewAction, RequestAction, Step},
    time::Timestamp,
};

const KUBECONFIGS: &str = "/etc/kubernetes";

/// Whose certificates, and how much the configuration says.
#[derive(Clone, Copy, Debug)]
pub struct CertsScope<'a> {
    /// Which certificates there are and where.
    pub config: &'a InitConfig,
    /// Whether the configuration is the cluster's. If not, only its places count: kinds of keys and names are taken from
    /// the certificates themselves.
    pub authoritative: bool,
    /// The present time.
    pub now: Timestamp,
}

/// What to renew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenewChoice {
    /// Every leaf and kubeconfig but kubelet.conf, which the kubelet renews.
    All,
    /// These, by kubeadm's names (`apiserver`, `admin.conf`).
    Named(Vec<String>),
}

/// What [`expiration`] and [`plan_renewal`] need to see.
///
/// # Errors
///
/// [`PlanError::Pki`] if the configuration asks for certificates that cannot be.
pub fn certs_wanted(config: &InitConfig) -> Result<Wanted, PlanError> {
    let mut paths = Vec::new();
    for spec in specs(config)? {
        let base = base(config, &spec);
        paths.push((format!("{base}.crt"), Want::Text));
        paths.push((format!("{base}.key"), Want::PrivateKey));
    }
    for spec in kubeconfigs(config) {
        paths.push((format!("{KUBECONFIGS}/{}", spec.file), Want::Kubeconfig));
    }
    Ok(files::want(paths.iter().map(|(path, want)| (path.as_str(), *want))))
}

/// What [`plan_requests`] needs to see; `directory` as there.
///
/// # Errors
///
/// As [`certs_wanted`].
pub fn requests_wanted(config: &InitConfig, directory: Option<&str>) -> Result<Wanted, PlanError> {
    let mut paths = Vec::new();
    for (path, _) in requests(config, directory)? {
        paths.push((format!("{path}.crt"), Want::Text));
        paths.push((format!("{path}.key"), Want::PrivateKey));
        paths.push((format!("{path}.csr"), Want::Text));
        paths.push((path, Want::Kubeconfig));
    }
    Ok(files::want(paths.iter().map(|(path, want)| (path.as_str(), *want))))
}

/// When the certificates of a tree end.
///
/// # Errors
///
/// [`PlanError::Pki`] for a certificate that cannot be read.
pub fn expiration(scope: CertsScope<'_>, seen: &Facts) -> Result<ExpirationReport, PlanError> {
    let (specs, kubeconfigs) = (specs(scope.config)?, kubeconfigs(scope.config));
    let mut found = std::collections::BTreeMap::new();
    for spec in &specs {
        if let Some(certificate) = certificate(seen, &format!("{}.crt", base(scope.config, spec)))? {
            found.insert(spec.name.clone(), certificate);
        }
    }
    for spec in &kubeconfigs {
        if let Some(certificate) = client(seen, &format!("{KUBECONFIGS}/{}", spec.file))? {
            found.insert(spec.client.name.clone(), certificate);
        }
    }
    let external = |name: &str| {
        let spec = specs.iter().find(|spec| spec.name == name);
        spec.is_some_and(|spec| seen.file(&format!("{}.key", base(scope.config, spec))).is_missing())
    };
    Ok(ExpirationReport::new(&specs, &kubeconfigs, |name| found.get(name), external, scope.now))
}

/// Plans renewals: a new key and certificate each, whatever is left of the old term.
///
/// What is missing, or signed by an authority whose key is elsewhere, is noted and left out, as kubeadm does.
///
/// # Errors
///
/// [`PlanError::Unusable`] for a name that is not known, or certificates that cannot be read.
pub fn plan_renewal(scope: CertsScope<'_>, choice: &RenewChoice, seen: &Facts) -> Result<Plan, PlanError> {
    let config = scope.config;
    let specs = specs(config)?;
    let kubeconfigs: Vec<KubeconfigSpec> =
        kubeconfigs(config).into_iter().filter(|spec| spec.file != "kubelet.conf").collect();
    let leaves: Vec<&CertSpec> = specs.iter().filter(|spec| spec.issuer.is_some()).collect();
    if let RenewChoice::Named(names) = choice {
        let known: Vec<&str> =
            leaves.iter().map(|s| s.name.as_str()).chain(kubeconfigs.iter().map(|k| k.file)).collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(PlanError::Unusable {
                path: config.certificates_dir().to_owned(),
                expected: format!("one of {}", known.join(", ")),
                found: format!("{unknown:?}"),
                remedy: "kubelet.conf is renewed by the kubelet, authorities are rotated, not renewed"
                    .to_owned(),
            });
        }
    }
    let chosen = |name: &str| match choice {
        RenewChoice::All => true,
        RenewChoice::Named(names) => names.iter().any(|wanted| wanted == name),
    };
    let mut steps = finish_pairs(config, &specs, seen);
    let finished: Vec<String> = steps.iter().flat_map(|step| step.action.paths()).collect();
    steps.extend(files::remove_leftovers("renew", seen, &finished));
    // A pair that is about to be completed counts as complete.
    let now_at = |path: &str| {
        if finished.iter().any(|done| done == path) { files::temporary(path) } else { path.to_owned() }
    };
    let mut notes = Vec::new();
    let mut add = |name: &str,
                   path: String,
                   there: String,
                   issuer: &CertSpec,
                   old: Option<Certificate>,
                   spec: &CertSpec| {
        let issuer_path = base(config, issuer);
        let Some(old) = old else {
            let what =
                if seen.file(&there).is_missing() { "is missing" } else { "holds no client certificate" };
            notes.push(format!("{there} {what}: not renewed"));
            return;
        };
        if seen.file(&format!("{issuer_path}.key")).is_missing() {
            notes.push(format!("{there} is signed by an authority whose key is elsewhere: not renewed"));
            return;
        }
        let renew = RenewAction {
            name: name.to_owned(),
            kubeconfig: path == there,
            path,
            issuer: IssuerRef { path: issuer_path },
            algorithm: scope.authoritative.then_some(spec.algorithm),
            validity: scope.authoritative.then_some(spec.validity),
            names: scope.authoritative.then(|| spec.clone()).filter(|_| !spec.dns_names.is_empty()),
            expected_algorithm: if scope.authoritative {
                Some(spec.algorithm)
            } else {
                old.public_key().algorithm()
            },
        };
        let guard = match seen.file(&now_at(&there)) {
            FileFact::File { sha256, .. } => Guard::Unchanged { sha256: *sha256 },
            _ => Guard::None,
        };
        let why = format!("ends {}", old.info().not_after);
        steps.push(Step::new(format!("renew/{name}"), why, Action::Renew(Box::new(renew)), guard));
    };
    for spec in leaves {
        let issuer = specs.iter().find(|ca| Some(&ca.name) == spec.issuer.as_ref());
        if let (Some(issuer), true) = (issuer, chosen(&spec.name)) {
            let path = base(config, spec);
            let there = format!("{path}.crt");
            add(&spec.name, path, there.clone(), issuer, certificate(seen, &now_at(&there))?, spec);
        }
    }
    for spec in &kubeconfigs {
        let issuer = specs.iter().find(|ca| Some(&ca.name) == spec.client.issuer.as_ref());
        if let (Some(issuer), true) = (issuer, chosen(spec.file)) {
            let path = format!("{KUBECONFIGS}/{}", spec.file);
            add(spec.file, path.clone(), path.clone(), issuer, client(seen, &path)?, &spec.client);
        }
    }
    Ok(Plan::new("renew", steps, notes))
}

/// Plans certificate requests for every leaf and kubeconfig client, for an authority elsewhere.
///
/// Keys that are there are used; certificates, kubeconfigs and requests that are there are kept. Without `directory`
/// requests and keys go where the certificates belong; requests of kubeconfig clients are `FILE.csr` with `FILE.key`
/// beside them. The way back in: put each signed certificate beside its request, with the ending `.crt`, and the
/// authorities' certificates where they belong; init then keeps the pairs and puts the kubeconfigs together.
///
/// # Errors
///
/// [`PlanError`] if a path is not what it should be.
pub fn plan_requests(
    scope: CertsScope<'_>,
    directory: Option<&str>,
    seen: &Facts,
) -> Result<Plan, PlanError> {
    let config = scope.config;
    let mut steps = Vec::new();
    let mut notes = Vec::new();
    steps.extend(files::remove_leftovers("csr", seen, &[]));
    for (path, spec) in requests(config, directory)? {
        let there = |ending: &str| !seen.file(&format!("{path}{ending}")).is_missing();
        if let Some(ending) = ["", ".crt"].into_iter().find(|ending| there(ending)) {
            notes.push(format!("{path}{ending} is there: no request"));
            continue;
        }
        if there(".csr") {
            notes.push(format!("{path}.csr is there and is kept"));
            continue;
        }
        let key_exists = there(".key");
        let request = RequestAction { spec, path, key_exists };
        let id = format!("csr/{}", request.spec.name);
        let guard = Guard::None;
        steps.push(Step::new(id, "to be signed elsewhere", Action::Request(Box::new(request)), guard));
    }
    Ok(Plan::new("csr", steps, notes))
}

/// Steps that complete pairs whose replacement a kill interrupted: the key is new, its certificate still temporary.
pub(super) fn finish_pairs(config: &InitConfig, specs: &[CertSpec], seen: &Facts) -> Vec<Step> {
    let unfinished = |spec: &CertSpec| {
        let base = base(config, spec);
        let path = format!("{base}.crt");
        let temporary = seen.text(&files::temporary(&path))?;
        let FileFact::File { content: Content::Key(key), .. } = seen.file(&format!("{base}.key")) else {
            return None;
        };
        let fits =
            |text: &str| Certificate::from_pem(text).is_ok_and(|certificate| certificate.public_key() == key);
        let done = seen.text(&path).is_some_and(fits);
        (fits(temporary) && !done).then(|| {
            let id = format!("complete/{}", spec.name);
            let action = Action::PublishTemporary { path };
            Step::new(id, "a killed run replaced the key and not yet its certificate", action, Guard::None)
        })
    };
    specs.iter().filter_map(unfinished).collect()
}

/// Everything that an authority elsewhere has to sign, with its path without extension.
fn requests(config: &InitConfig, directory: Option<&str>) -> Result<Vec<(String, CertSpec)>, PlanError> {
    let leaves = specs(config)?.into_iter().filter(|spec| spec.issuer.is_some()).map(|spec| {
        let path =
            directory.map_or_else(|| base(config, &spec), |directory| format!("{directory}/{}", spec.path));
        (path, spec)
    });
    let clients = kubeconfigs(config).into_iter().map(|spec| {
        let path = format!("{}/{}", directory.unwrap_or(KUBECONFIGS), spec.file);
        (path, spec.client)
    });
    Ok(leaves.chain(clients).collect())
}

fn specs(config: &InitConfig) -> Result<Vec<CertSpec>, PlanError> {
    pki::control_plane(config).map_err(|source| PlanError::Pki {
        path: config.certificates_dir().to_owned(),
        source: Box::new(source),
    })
}

fn kubeconfigs(config: &InitConfig) -> Vec<KubeconfigSpec> {
    pki::kubeconfigs(config)
}

fn base(config: &InitConfig, spec: &CertSpec) -> String {
    format!("{}/{}", config.certificates_dir(), spec.path)
}

fn certificate(seen: &Facts, path: &str) -> Result<Option<Certificate>, PlanError> {
    let read = |text| {
        Certificate::from_pem(text)
            .map_err(|source| PlanError::Pki { path: path.to_owned(), source: Box::new(source) })
    };
    seen.text(path).map(read).transpose()
}

fn client(seen: &Facts, path: &str) -> Result<Option<Certificate>, PlanError> {
    match seen.file(path) {
        FileFact::File { content: Content::Kubeconfig(kubeconfig), .. }
            if !kubeconfig.client_certificate_pem.is_empty() =>
        {
            Certificate::from_pem(&kubeconfig.client_certificate_pem)
                .map(Some)
                .map_err(|source| PlanError::Pki { path: path.to_owned(), source: Box::new(source) })
        }
        FileFact::File { content: Content::Unusable(why), .. } => Err(PlanError::Unusable {
            path: path.to_owned(),
            expected: "a kubeconfig".to_owned(),
            found: why.clone(),
            remedy: "remove the file and run the kubeconfig stage".to_owned(),
        }),
        _ => Ok(None),
    }
}
