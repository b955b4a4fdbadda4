//! A control plane that runs what init wrote: the command lines of the static pods as they are, on a machine whose
//! addresses and paths are those that they name.

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime},
};

use k8sboot_core::{
    api::{Client, ClientOptions, Method, Trust},
    config::{Documents, InitConfig},
    entropy::System,
    facts::{CA_DIRECTORIES, NodeFacts},
    kubeconfig::Kubeconfig,
    manifest::yaml,
    time::Timestamp,
};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{
    machine::{Daemon, Lan, Machine},
    programs::{etcd_version, programs},
};
use crate::{pki::Keys, tree::init_with};

/// The components of a control plane, in the order in which init writes them.
pub(crate) const COMPONENTS: [&str; 4] =
    ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// How long a component may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node of a control plane. Everything that it runs ends with this value.
pub(crate) struct ControlPlane {
    running: Mutex<BTreeMap<String, Daemon>>,
    config: InitConfig,
    machine: Machine,
    began: Instant,
}

impl ControlPlane {
    /// Does the file stages of init for a text of kubeadm documents, starts every component and waits until all are ready.
    /// `None`, said loudly, where the programs are missing.
    pub(crate) fn start(text: &str) -> Option<Self> {
        Self::start_some(text, &COMPONENTS)
    }

    /// As [`start`](Self::start), with some components only.
    pub(crate) fn start_some(text: &str, components: &[&str]) -> Option<Self> {
        let control_plane = Self::installed(text, None)?;
        control_plane.up(components);
        Some(control_plane)
    }

    /// The files of init on a machine of its own, or in a network; nothing runs yet.
    pub(crate) fn installed(text: &str, lan: Option<&Lan>) -> Option<Self> {
        let control_plane = Self::bare(text, lan)?;
        let keys = Arc::new(Keys);
        init_with(
            &control_plane.config,
            &control_plane.machine.root(),
            None,
            (real_now(), Arc::new(System), keys),
        )
        .unwrap();
        Some(control_plane)
    }

    /// A machine for a configuration, with an empty root: the whole of init, or of join, is the test's.
    pub(crate) fn bare(text: &str, lan: Option<&Lan>) -> Option<Self> {
        Self::at(text, lan, &[])
    }

    /// As [`bare`](Self::bare), with further addresses beside the advertised one.
    pub(crate) fn at(text: &str, lan: Option<&Lan>, further: &[IpAddr]) -> Option<Self> {
        if !programs(&COMPONENTS) {
            return None;
        }
        let began = Instant::now();
        let config = config(text);
        let addresses = [&[config.advertise_address()], further].concat();
        let machine = Machine::new(config.node_name(), &addresses, lan);
        Some(Self { running: Mutex::default(), config, machine, began })
    }

    pub(crate) fn config(&self) -> &InitConfig {
        &self.config
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The directory that init writes to.
    pub(crate) fn root(&self) -> std::path::PathBuf {
        self.machine.root()
    }

    /// The text of a file of the machine, for example `/etc/kubernetes/pki/ca.crt`.
    pub(crate) fn read(&self, path: &str) -> String {
        let file = self.machine.path(path);
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// The time since the machine was made.
    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Starts components together, as a kubelet does, and waits until all are ready.
    pub(crate) fn up(&self, components: &[&str]) {
        let (first, rest): (Vec<&str>, Vec<&str>) =
            components.iter().partition(|name| ["etcd", "kube-apiserver"].contains(name));
        // The others end where there is no API server; a kubelet would start them again, ever later.
        for group in [first, rest] {
            group.iter().for_each(|component| self.start_component(component));
            group.iter().for_each(|component| self.wait_ready(component));
        }
    }

    /// Runs a component as its static pod says. Does nothing if it runs.
    pub(crate) fn start_component(&self, component: &str) {
        let pod = self.pod(component);
        self.machine.show("/etc/kubernetes");
        for volume in pod["spec"]["volumes"].as_array().unwrap() {
            let path = volume["hostPath"]["path"].as_str().unwrap();
            if !path.starts_with("/etc/kubernetes/") && self.machine.path(path).is_dir() {
                self.machine.show(path);
            }
        }
        let container = &pod["spec"]["containers"][0];
        let words = [&container["command"], &container["args"]]
            .into_iter()
            .flat_map(|words| words.as_array().cloned().unwrap_or_default());
        let command: Vec<String> = words.map(|word| word.as_str().unwrap().to_owned()).collect();
        let environment: Vec<(String, String)> = container["env"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|set| Some((set["name"].as_str()?.to_owned(), set["value"].as_str()?.to_owned())))
            .collect();
        self.run(component, &command, &environment);
    }

    /// Runs a program inside as a daemon of this name, for example a kubelet. Does nothing if that runs.
    pub(crate) fn run(&self, name: &str, command: &[String], environment: &[(String, String)]) {
        let mut running = self.running();
        if running.get_mut(name).is_some_and(|daemon| daemon.ended().is_some()) {
            running.remove(name);
        }
        running.entry(name.to_owned()).or_insert_with(|| self.machine.daemon(name, command, environment));
    }

    /// Ends a component as a crash does.
    pub(crate) fn stop(&self, component: &str) {
        assert!(self.running().remove(component).is_some(), "{component} does not run");
    }

    /// Ends a component and starts what its static pod says now.
    pub(crate) fn restart(&self, component: &str) {
        self.stop(component);
        self.start_component(component);
    }

    /// Lets a component do nothing, without ending it.
    pub(crate) fn pause(&self, component: &str) {
        self.running()[component].signal(Signal::STOP);
    }

    /// Ends a [`pause`](Self::pause).
    pub(crate) fn resume(&self, component: &str) {
        self.running()[component].signal(Signal::CONT);
    }

    /// How a daemon ended; `None` while it runs.
    pub(crate) fn ended(&self, name: &str) -> Option<String> {
        self.running().get_mut(name).map_or_else(|| Some("was not started".to_owned()), Daemon::ended)
    }

    /// What a daemon has printed.
    pub(crate) fn said(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.machine.log(name)).unwrap_or_default()).into_owned()
    }

    /// Waits until a component answers its readiness probe, or else its startup probe.
    pub(crate) fn wait_ready(&self, component: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready(component) {
            if let Some(how) = self.ended(component) {
                panic!("{component} ended: {how}\n{}", tail(&self.said(component)));
            }
            assert!(Instant::now() < deadline, "{component} is not ready\n{}", tail(&self.said(component)));
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether a component answers its readiness probe, or else its startup probe.
    pub(crate) fn is_ready(&self, component: &str) -> bool {
        let pod = self.pod(component);
        let container = &pod["spec"]["containers"][0];
        let probe = ["readinessProbe", "startupProbe"].iter().find_map(|probe| container.get(probe)).unwrap();
        let get = &probe["httpGet"];
        let port = match &get["port"] {
            Value::String(name) => {
                let ports = container["ports"].as_array().unwrap();
                ports.iter().find(|port| port["name"] == name.as_str()).unwrap()["containerPort"].clone()
            }
            number => number.clone(),
        };
        // etcd has its probes since 3.5.11, and this one for ever.
        let path = if component == "etcd" { "/health" } else { get["path"].as_str().unwrap() };
        let scheme = get["scheme"].as_str().unwrap().to_lowercase();
        let host = bracketed(get["host"].as_str().unwrap());
        let options = ClientOptions::new(format!("{scheme}://{host}:{port}"), Trust::Anyone)
            .timeouts(Duration::from_secs(1), Duration::from_secs(2));
        self.machine.inside(|| Client::new(&options).unwrap().call(Method::Get, path, None).is_ok())
    }

    /// A client with super-admin.conf, which RBAC does not hold up.
    pub(crate) fn client(&self) -> Client {
        self.client_of("super-admin.conf")
    }

    /// A client with a kubeconfig below /etc/kubernetes.
    pub(crate) fn client_of(&self, kubeconfig: &str) -> Client {
        let text = self.read(&format!("/etc/kubernetes/{kubeconfig}"));
        self.client_with(&ClientOptions::from_kubeconfig(&Kubeconfig::parse(&text).unwrap()).unwrap())
    }

    /// A client that lives inside.
    pub(crate) fn client_with(&self, options: &ClientOptions) -> Client {
        self.inside(|| Client::new(options).unwrap())
    }

    /// See [`Machine::inside`].
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.machine.inside(work)
    }

    /// kubectl inside, with super-admin.conf; what it prints. Fails if it does.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.caller("super-admin.conf").get(arguments)
    }

    /// Who calls with a kubeconfig below /etc/kubernetes.
    pub(crate) fn caller(&self, kubeconfig: &str) -> Caller<'_> {
        Caller { of: self, flags: vec![format!("--kubeconfig=/etc/kubernetes/{kubeconfig}")] }
    }

    /// Who calls with a client certificate, given by its path without `.crt`.
    pub(crate) fn certificate(&self, path: &str) -> Caller<'_> {
        let flags = [format!("--client-certificate={path}.crt"), format!("--client-key={path}.key")];
        Caller { of: self, flags: self.somebody().flags.into_iter().chain(flags).collect() }
    }

    /// Who calls with a token.
    pub(crate) fn token(&self, token: &str) -> Caller<'_> {
        let flags = self.somebody().flags.into_iter().chain([format!("--token={token}")]);
        Caller { of: self, flags: flags.collect() }
    }

    /// Who does not say who calls. kubectl insists on credentials: these are of a kind that no API server looks at any more.
    pub(crate) fn nobody(&self) -> Caller<'_> {
        let Caller { of, mut flags } = self.somebody();
        flags.extend(["--username=nobody", "--password=none"].map(str::to_owned));
        Caller { of, flags }
    }

    fn somebody(&self) -> Caller<'_> {
        let flags = ["--kubeconfig=/dev/null", "--certificate-authority=/etc/kubernetes/pki/ca.crt"];
        let server = format!("--server={}", self.config.local_api_server());
        Caller { of: self, flags: flags.map(str::to_owned).into_iter().chain([server]).collect() }
    }

    fn pod(&self, component: &str) -> Value {
        let text = self.read(&format!("/etc/kubernetes/manifests/{component}.yaml"));
        yaml::parse_all(&text).unwrap().remove(0)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Daemon>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // The API server first: etcd's end would only make it complain.
        let mut running = std::mem::take(&mut *self.running());
        running.remove("kube-apiserver");
        if thread::panicking() {
            for name in running.keys().map(String::as_str).chain(["kube-apiserver"]) {
                eprintln!("--- {name} on {}\n{}", self.machine.name(), tail(&self.said(name)));
            }
        }
    }
}

/// Somebody with kubectl, inside.
pub(crate) struct Caller<'a> {
    of: &'a ControlPlane,
    flags: Vec<String>,
}

impl Caller<'_> {
    /// What kubectl prints, or why it fails.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = self.of.machine.command("kubectl");
        let out = command.args(&self.flags).args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if out.status.success() { Ok(text(out.stdout)) } else { Err(text(out.stderr) + &text(out.stdout)) }
    }

    /// What kubectl prints. Fails if it does.
    pub(crate) fn get(&self, arguments: &[&str]) -> String {
        self.kubectl(arguments).unwrap_or_else(|said| panic!("kubectl {}: {said}", arguments.join(" ")))
    }

    /// What kubectl prints as JSON. Fails if it does.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.get(&[arguments, &["--output=json"]].concat())).unwrap()
    }

    /// Creates an object without asking the server for its schema.
    pub(crate) fn create(&self, object: &Value) -> Result<String, String> {
        let file = self.of.machine.scratch_file("object.json", &object.to_string());
        self.kubectl(&["create", "--validate=false", "--filename", &file])
    }
}

/// The present time.
pub(crate) fn real_now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap())
}

/// A configuration for a machine of these tests: the etcd that is there gets the flags that it knows.
fn config(text: &str) -> InitConfig {
    let mut documents = yaml::parse_all(text).unwrap();
    for cluster in documents.iter_mut().filter(|document| document["kind"] == "ClusterConfiguration") {
        let etcd = &mut cluster["etcd"];
        let (major, minor) = etcd_version();
        if etcd.get("external").is_none() && (major, minor) < (3, 6) {
            if etcd["local"].is_null() {
                *etcd = json!({"local": {}});
            }
            etcd["local"]["imageTag"] = json!(format!("{major}.{minor}.0-0"));
        }
        if etcd.is_null() {
            cluster.as_object_mut().unwrap().remove("etcd");
        }
    }
    let text: Vec<String> = documents.iter().map(yaml::to_yaml).collect();
    let mut host = NodeFacts::named("node-1");
    host.ca_directories = CA_DIRECTORIES
        .iter()
        .filter(|directory| std::path::Path::new(directory).is_dir())
        .map(|directory| (*directory).to_owned())
        .collect();
    Documents::parse(&text.join("---\n")).unwrap().into_init(&host, None).unwrap()
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// The last lines of a log.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
