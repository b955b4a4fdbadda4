//! Finding a cluster and coming to trust it.

use std::ffi::c_char;

use crate::{
    error::{k8sboot_code_t, k8sboot_error_t},
    event::{Run, k8sboot_run_t},
    guard::{guard, needs},
    handle::out,
    text::{k8sboot_buf_t, plain, secret, text},
};

#[cfg(feature = "api")]
pub(crate) use imp::Request;

/// Finds a cluster and comes to trust it, as `kubeadm join` does first. Blocks; events of kind `K8SBOOT_EVENT_NOTE` tell what is
/// waited for.
///
/// `request` is a JSON object with one of
/// - `token`, `endpoints` (list of `HOST:PORT` of API servers and `http://HOST:PORT` of discovery endpoints, asked side by
///   side) and `caCertHashes` (list of `sha256:HEX`; without one, `unsafeSkipCAVerification` must be true),
/// - `file` (path of a kubeconfig), `url` (`https://` address of one), `kubeconfig` (text of one),
/// - `bundle` (text of a join bundle), with `passphrase` or `key` (64 hexadecimal digits),
///
/// and as wanted `timeoutMs` (how long to wait for the signature; 300000), `patienceMs` (for what may pass; 5000),
/// `attemptMs` (for each answer; 5000), `tlsBootstrapToken`, `authorities` (PEM of those who vouch for https addresses;
/// default the host's) and `checkCredentials` (true: at the end the cluster is asked whether it accepts the credentials).
///
/// Writes to `out` a JSON object: `schemaVersion` (1), `server`, `clusterName`, `user`, `caCertHashes`,
/// `certificateAuthorities` (PEM) and `warnings`; and to `bootstrap` the kubeconfig for the TLS bootstrap at this server,
/// a buffer that is wiped when it is freed. If every endpoint failed, the error tells why each did.
///
/// # Safety
///
/// `request` is NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what they should be; `out`,
/// `bootstrap` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_discover(
    request: *const c_char,
    run: *const k8sboot_run_t,
    out: *mut *mut k8sboot_buf_t,
    bootstrap: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let bootstrap = self::out(bootstrap, "bootstrap")?;
            let request = text(request, "request")?;
            let run = Run::new(run, "run")?;
            needs!("api", {
                let (found, kubeconfig) = imp::discover(request, run)?;
                *out = plain(found);
                *bootstrap = secret(&kubeconfig);
                Ok(())
            })
        })
    }
}

#[cfg(feature = "api")]
mod imp {
    use std::time::Duration;

    use k8sboot_core::{
        api::{self, DiscoverOptions},
        discovery::{Discovery, Endpoint},
        kubeconfig::Kubeconfig,
        secret::SecretBytes,
        token::CaPin,
    };
    use serde::Deserialize;
    use serde_json::json;

    use super::Run;
    use crate::{
        bundle::seal,
        error::Failure,
        json::{Secret, object},
        watch::Watch,
    };

    /// By what a cluster is found.
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
    pub(crate) struct Request {
        token: Option<Secret>,
        endpoints: Vec<String>,
        ca_cert_hashes: Vec<String>,
        #[serde(rename = "unsafeSkipCAVerification")]
        unsafe_skip_ca_verification: bool,
        file: Option<String>,
        url: Option<String>,
        kubeconfig: Option<Secret>,
        bundle: Option<Secret>,
        passphrase: Option<Secret>,
        key: Option<Secret>,
        timeout_ms: Option<u64>,
        patience_ms: Option<u64>,
        attempt_ms: Option<u64>,
        tls_bootstrap_token: Option<Secret>,
        authorities: Option<String>,
        check_credentials: Option<bool>,
    }

    impl Request {
        pub(crate) fn discovery(&self) -> Result<Discovery, Failure> {
            let wrong = |problem: &str| Err(Failure::json("request", &problem));
            if self.token.is_none() && !(self.endpoints.is_empty() && self.ca_cert_hashes.is_empty()) {
                return wrong("endpoints and caCertHashes: expected a token beside them, found none");
            }
            if self.bundle.is_none() && (self.passphrase.is_some() || self.key.is_some()) {
                return wrong("passphrase, key: expected a bundle beside them, found none");
            }
            match (&self.token, &self.file, &self.url, &self.kubeconfig, &self.bundle) {
                (Some(token), None, None, None, None) => self.by_token(token),
                (None, Some(path), None, None, None) => Ok(Discovery::File { path: path.clone() }),
                (None, None, Some(url), None, None) => Ok(Discovery::Url { url: url.clone() }),
                (None, None, None, Some(text), None) => {
                    Ok(Discovery::Inline { kubeconfig: Box::new(Kubeconfig::parse(text.expose())?) })
                }
                (None, None, None, None, Some(text)) => {
                    let seal = seal(self.passphrase.as_ref(), self.key.as_ref(), "request")?;
                    Ok(Discovery::Bundle { text: text.expose().to_owned(), seal })
                }
                _ => wrong("expected one of token, file, url, kubeconfig and bundle, found none or several"),
            }
        }

        fn by_token(&self, token: &Secret) -> Result<Discovery, Failure> {
            let token = token.expose().parse()?;
            let endpoints =
                self.endpoints.iter().map(|text| text.parse()).collect::<Result<Vec<Endpoint>, _>>()?;
            let pins = self.ca_cert_hashes.iter().map(|text| text.parse());
            let pins = pins.collect::<Result<Vec<CaPin>, _>>()?;
            if self.unsafe_skip_ca_verification && pins.is_empty() {
                return Ok(Discovery::token_unsafe_skip_ca_verification(token, endpoints)?);
            }
            Ok(Discovery::token(token, endpoints, pins)?)
        }

        pub(crate) fn options(&self) -> Result<DiscoverOptions, Failure> {
            let mut options = DiscoverOptions::default();
            let time = |given: Option<u64>| given.map(Duration::from_millis);
            if let Some(limit) = time(self.timeout_ms) {
                options = options.timeout(limit);
            }
            if let Some(limit) = time(self.patience_ms) {
                options = options.patience(limit);
            }
            if let Some(limit) = time(self.attempt_ms) {
                options = options.attempt(limit);
            }
            if let Some(token) = &self.tls_bootstrap_token {
                options = options.tls_bootstrap_token(token.expose().parse()?);
            }
            if let Some(pem) = &self.authorities {
                options = options.authorities(pem);
            }
            Ok(options.check_credentials(self.check_credentials.unwrap_or(true)))
        }
    }

    pub(super) fn discover(request: &str, run: Run) -> Result<(String, SecretBytes), Failure> {
        let request: Request = object(request, "request")?;
        let (discovery, options) = (request.discovery()?, request.options()?);
        let watch = Watch::new(run);
        let found = watch
            .during(|| api::discover(&discovery, &options, &watch.run()))
            .map_err(|error| watch.failure(error))?;
        let pins: Vec<String> = found.pins()?.iter().map(ToString::to_string).collect();
        let json = json!({
            "schemaVersion": 1,
            "server": found.server(),
            "clusterName": found.cluster_name(),
            "user": found.user_name(),
            "caCertHashes": pins,
            "certificateAuthorities": found.ca_pem(),
            "warnings": found.warnings(),
        });
        Ok((json.to_string(), found.bootstrap_kubeconfig(found.server()).to_yaml()))
    }
}
