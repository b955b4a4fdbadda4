//! Renewal in a running cluster: new files, restarts of what reads them, and a look at what is served afterwards.

use std::{
    net::{IpAddr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use super::{
    CertsScope, RenewChoice, RestartError, StageReport, certs_wanted, plan_renewal,
    restarts::{MANIFESTS, plan_restarts, static_pod_files},
    runner::carry_out,
};
use crate::{
    api::{ApiError, Client, ClientOptions, Method, Trust},
    blocking::wait,
    exec::{Event, Executor, Run},
    facts::{Facts, Want, Wanted},
    manifest::{ServedAt, StaticPodFile},
    pki::Certificate,
    plan::Plan,
    probe::{self, served_certificate},
};

/// How often is looked whether a pod has restarted.
const LOOK: Duration = Duration::from_millis(100);
/// How long one look may take.
const GLANCE: Duration = Duration::from_secs(2);

/// A renewal on a control-plane node that runs.
///
/// The order: everything is planned and the present state looked at; the files are renewed; then each static pod that reads
/// one of them is restarted, one after the other (etcd, kube-apiserver, kube-controller-manager, kube-scheduler, others),
/// and the next one is not touched before this one was seen to be a new process that serves the new certificate.
///
/// A new process is told by the start time in its metrics (etcd, kube-apiserver) or by the certificate that it makes for
/// itself at each start (kube-controller-manager, kube-scheduler). Of other static pods nothing is known: they are
/// restarted and a note says that this was not verified.
///
/// # Examples
///
/// ```no_run
/// use std::sync::Arc;
/// use k8sboot_core::{api::ClientOptions, config::InitConfig, entropy::System, exec, flow::{self, CertsScope, RenewChoice, RunningRenewal},
///     kubeconfig::Kubeconfig, pki::RandomKeys, probe};
///
/// # fn renew(config: &InitConfig, now: k8sboot_core::time::Timestamp) -> Result<(), Box<dyn std::error::Error>> {
/// let tree = exec::Tree::open("/")?;
/// let admin = Kubeconfig::parse(&std::fs::read_to_string("/etc/kubernetes/admin.conf")?)?;
/// let scope = CertsScope { config, authoritative: false, now };
/// let renewal = RunningRenewal::new(scope, RenewChoice::All, ClientOptions::from_kubeconfig(&admin)?);
/// let probe = probe::Host::new(tree.clone());
/// for plan in renewal.plans(&probe)? {
///     println!("{}", plan.to_text());
/// }
/// let keys = Arc::new(RandomKeys::new(&System));
/// let mut host = exec::Host::new(tree).with_sources(now, Arc::new(System), keys);
/// renewal.run(&probe, &mut host, &exec::Run::default())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RunningRenewal<'a> {
    scope: CertsScope<'a>,
    choice: RenewChoice,
    client: ClientOptions,
    manifests: String,
    limit: Duration,
}

/// What a renewal did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RenewedRunning {
    /// The files.
    pub renewed: StageReport,
    /// The pods, in the order of their restarts.
    pub restarted: Vec<RestartedPod>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// A pod that was restarted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RestartedPod {
    /// Its name.
    pub pod: String,
    /// From the change of its manifest until it was seen to serve.
    pub took: Duration,
    /// What it serves now, with address and port.
    pub served: Vec<(SocketAddr, Certificate)>,
    /// Whether it was seen to be a new process.
    pub verified: bool,
}

/// What tells one process from the next.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// `process_start_time_seconds` of its metrics.
    start: Option<String>,
    /// The certificates that it makes at its start.
    own: Vec<Option<Vec<u8>>>,
}

/// Why a pod is not there yet.
enum NotYet {
    Restarted(String),
    Served { at: ServedAt, path: String, expected: String, found: String },
}

impl<'a> RunningRenewal<'a> {
    /// With the manifests where kubeadm has them, and five minutes for a pod to restart, as kubeadm allows.
    ///
    /// `client` is an identity that may read `/metrics` (admin.conf); it is used on this node's own API server, whatever
    /// server it names.
    #[must_use]
    pub fn new(scope: CertsScope<'a>, choice: RenewChoice, client: ClientOptions) -> Self {
        Self { scope, choice, client, manifests: MANIFESTS.to_owned(), limit: Duration::from_secs(300) }
    }

    /// Another directory of static pods (the kubelet's `staticPodPath`).
    #[must_use]
    pub fn manifests(mut self, directory: impl Into<String>) -> Self {
        self.manifests = directory.into();
        self
    }

    /// Another limit for the restart of one pod.
    #[must_use]
    pub const fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// What would be done: the plan of the files, and that of the restarts. Nothing is changed.
    ///
    /// # Errors
    ///
    /// [`RestartError::Probe`], [`RestartError::Plan`], [`RestartError::Manifest`].
    pub fn plans(&self, probe: &probe::Host) -> Result<[Plan; 2], RestartError> {
        let (renewal, restarts, _) = self.planned(probe)?;
        Ok([renewal, restarts])
    }

    /// Renews, restarts and verifies; blocks until all is so.
    ///
    /// # Errors
    ///
    /// [`RestartError`]; what was done stays. Run it again: it renews and restarts again.
    pub fn run(
        &self,
        probe: &probe::Host,
        on: &mut dyn Executor,
        run: &Run,
    ) -> Result<RenewedRunning, RestartError> {
        let (renewal, restarts, pods) = self.planned(probe)?;
        let of = |id: &str| pods.iter().find(|pod| id.strip_prefix("restart/") == Some(pod.name()));
        let mut read = Vec::new();
        for pod in restarts.steps().iter().filter_map(|step| of(&step.id)) {
            read.push((pod, self.metrics(pod)?));
        }
        let renewed = wait(carry_out(&renewal, on, run))?;
        let mut report = RenewedRunning { renewed, restarted: Vec::new(), notes: restarts.notes().to_vec() };
        for (step, (pod, metrics)) in restarts.steps().iter().zip(read) {
            let began = Instant::now();
            // Not before the files are new: whatever process starts from here on reads them.
            let before = seen(pod, metrics.as_ref());
            let files = pod.served().into_iter().filter_map(|at| at.certificate);
            let files = probe.look(&files.fold(Wanted::default(), |all, file| all.file(file, Want::Text)))?;
            let one = Plan::new(restarts.stage, vec![step.clone()], Vec::new());
            wait(carry_out(&one, on, run))?;
            let text = format!("waiting for {} to restart", pod.name());
            run.observer.event(&Event::Note { stage: restarts.stage, text: &text });
            let served = self.wait_for(pod, &before, metrics.as_ref(), &files, run)?;
            let verified = !pod.served().is_empty();
            let text = if verified {
                format!("{} restarted and serves after {} ms", pod.name(), began.elapsed().as_millis())
            } else {
                format!("{}: nothing tells whether it restarted: look after it", pod.name())
            };
            run.observer.event(&Event::Note { stage: restarts.stage, text: &text });
            if !verified {
                report.notes.push(text);
            }
            let (pod, took) = (pod.name().to_owned(), began.elapsed());
            report.restarted.push(RestartedPod { pod, took, served, verified });
        }
        Ok(report)
    }

    fn planned(&self, probe: &probe::Host) -> Result<(Plan, Plan, Vec<StaticPodFile>), RestartError> {
        let seen = probe.look(&certs_wanted(self.scope.config)?.directory(self.manifests.clone()))?;
        let pods = static_pod_files(&self.manifests, &seen)
            .map_err(|(path, source)| RestartError::Manifest { path, source })?;
        let renewal = plan_renewal(self.scope, &self.choice, &seen)?;
        let changed: Vec<String> = renewal.steps().iter().flat_map(|step| step.action.paths()).collect();
        let restarts = plan_restarts(&pods, &changed, &seen, self.scope.now);
        Ok((renewal, restarts, pods))
    }

    /// A client for the metrics of a pod, if they tell its start and can be read.
    fn metrics(&self, pod: &StaticPodFile) -> Result<Option<Client>, ApiError> {
        let options = match (pod.program(), pod.plain_metrics(), pod.served().first()) {
            ("etcd", Some(url), _) => ClientOptions::new(url, Trust::Anyone),
            ("kube-apiserver", _, Some(at)) => {
                self.client.clone().server(format!("https://{}", SocketAddr::new(at.address, at.port)))
            }
            _ => return Ok(None),
        };
        Client::new(&options.timeouts(GLANCE, GLANCE * 2)).map(Some)
    }

    fn wait_for(
        &self,
        pod: &StaticPodFile,
        before: &Seen,
        metrics: Option<&Client>,
        files: &Facts,
        run: &Run,
    ) -> Result<Vec<(SocketAddr, Certificate)>, RestartError> {
        let began = Instant::now();
        loop {
            if run.cancel.is_triggered() {
                return Err(RestartError::Cancelled { pod: pod.name().to_owned() });
            }
            let not_yet = match look(pod, before, metrics, files) {
                Ok(served) => return Ok(served),
                Err(not_yet) => not_yet,
            };
            if began.elapsed() >= self.limit {
                let name = pod.name().to_owned();
                return Err(match not_yet {
                    NotYet::Restarted(last) => RestartError::NotRestarted {
                        pod: name,
                        manifest: pod.path().to_owned(),
                        waited: self.limit,
                        last,
                    },
                    NotYet::Served { at, path, expected, found } => {
                        let address = SocketAddr::new(at.address, at.port).to_string();
                        {
                            let (path, expected, found) = (path.into(), expected.into(), found.into());
                            RestartError::NotServed { pod: name, address, path, expected, found }
                        }
                    }
                });
            }
            thread::sleep(LOOK);
        }
    }
}

/// What there is before a restart; what cannot be seen is as if nothing ran.
fn seen(pod: &StaticPodFile, metrics: Option<&Client>) -> Seen {
    let own = |at: ServedAt| match at.certificate {
        Some(_) => None,
        None => certificate(&at).ok().map(|certificate| certificate.der().to_vec()),
    };
    Seen {
        start: metrics.and_then(|metrics| started(metrics).ok()),
        own: pod.served().into_iter().map(own).collect(),
    }
}

/// Whether a pod is a new process that serves what it should.
fn look(
    pod: &StaticPodFile,
    before: &Seen,
    metrics: Option<&Client>,
    files: &Facts,
) -> Result<Vec<(SocketAddr, Certificate)>, NotYet> {
    // The process first: an old one that serves an old certificate is not restarted, rather than wrong.
    if let Some(metrics) = metrics {
        let start = started(metrics).map_err(|error| NotYet::Restarted(error.to_string()))?;
        if before.start.as_ref() == Some(&start) {
            return Err(NotYet::Restarted("the old process runs".to_owned()));
        }
        if pod.program() == "kube-apiserver" {
            metrics
                .call(Method::Get, "/readyz", None)
                .map_err(|error| NotYet::Restarted(error.to_string()))?;
        }
    }
    let mut served = Vec::new();
    for (index, at) in pod.served().into_iter().enumerate() {
        let address = SocketAddr::new(at.address, at.port);
        let found = certificate(&at).map_err(|why| NotYet::Restarted(format!("{address}: {why}")))?;
        match &at.certificate {
            None if before.own.get(index).and_then(Option::as_deref) == Some(found.der()) => {
                return Err(NotYet::Restarted(format!("{address} is served by the old process")));
            }
            None => {}
            Some(path) => {
                let expected = files.text(path).and_then(|text| Certificate::from_pem(text).ok());
                if expected.as_ref().is_none_or(|expected| expected.der() != found.der()) {
                    let text = |certificate: &Certificate| {
                        let info = certificate.info();
                        format!("serial {}, ends {}", info.serial, info.not_after)
                    };
                    let expected = expected.as_ref().map_or_else(|| "one that can be read".to_owned(), text);
                    let (path, found) = (path.clone(), text(&found));
                    return Err(NotYet::Served { at, path, expected, found });
                }
            }
        }
        served.push((address, found));
    }
    Ok(served)
}

fn certificate(at: &ServedAt) -> std::io::Result<Certificate> {
    let address: IpAddr = at.address;
    served_certificate(address, at.port, GLANCE)
}

/// When the process of a metrics page began, as it writes it.
fn started(metrics: &Client) -> Result<String, ApiError> {
    let page = metrics.call(Method::Get, "/metrics", None)?;
    let page = String::from_utf8_lossy(&page);
    let found = page.lines().find_map(|line| line.strip_prefix("process_start_time_seconds "));
    found.map(|text| text.trim().to_owned()).ok_or_else(|| ApiError::Answer {
        server: metrics.server().to_owned(),
        request: "GET /metrics".to_owned(),
        expected: "process_start_time_seconds",
        found: format!("{} bytes without it", page.len()),
    })
}
