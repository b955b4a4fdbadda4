//! Init to its end, against a real control plane.

mod adopt;
mod again;
mod fresh;
mod tokens;
mod waits;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use k8sboot_core::{
    blocking::wait,
    config::{Documents, InitConfig},
    exec::{CancelToken, Cluster, Event, Host, Observer, Run, Tree},
    facts::NodeFacts,
    flow::{self, FlowError, InitOptions, Report, Selection},
    probe,
    time::Timestamp,
};
use serde_json::json;

use super::ControlPlane;
use crate::tree::quick_text;

/// The lines of the configuration that give the waits little time.
pub(super) const SHORT: &str = "timeouts: {controlPlaneComponentHealthCheck: 5s, kubernetesAPICall: 20s}";

/// The recorded case `minimal` with more fields in its InitConfiguration.
pub(super) fn text(more: &str) -> String {
    quick_text("minimal").replace("kind: InitConfiguration\n", &format!("kind: InitConfiguration\n{more}\n"))
}

/// A configuration as the machine reads it.
pub(super) fn config(text: &str) -> InitConfig {
    Documents::parse(text).unwrap().into_init(&NodeFacts::named("node-1"), None).unwrap()
}

/// What a run tells, as lines with the time of each.
#[derive(Default)]
pub(super) struct Told(Mutex<Vec<(Instant, String)>>);

impl Observer for Told {
    fn event(&self, event: &Event<'_>) {
        let line = match event {
            Event::StepStarted { step, .. } => format!("step {}", step.id),
            Event::StepDone { step, outcome, .. } => format!("{} {}", outcome.name(), step.id),
            Event::Waiting { on, reason: Some(reason), .. } => {
                format!("waits for {on}: {}: {reason}", reason.name())
            }
            Event::Waiting { on, reason: None, .. } => format!("well: {on}"),
            Event::Note { text, .. } => format!("note {text}"),
            _ => return,
        };
        self.0.lock().unwrap().push((Instant::now(), line));
    }
}

impl Told {
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(_, line)| line.clone()).collect()
    }

    /// When a line that has the text was told first; waits for it.
    pub(super) fn when(&self, text: &str) -> Instant {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let told = self.0.lock().unwrap().iter().find(|(_, line)| line.contains(text)).map(|(at, _)| *at);
            if let Some(at) = told {
                return at;
            }
            assert!(Instant::now() < until, "{text}: {:#?}", self.lines());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A run of stages of init by the executor of a cluster, as on the machine itself.
pub(super) struct Init<'a> {
    pub(super) of: &'a ControlPlane,
    pub(super) told: Arc<Told>,
    pub(super) cancel: CancelToken,
    pub(super) options: InitOptions,
    pub(super) config: InitConfig,
    pub(super) also: Option<Arc<dyn Observer>>,
}

impl<'a> Init<'a> {
    pub(super) fn new(of: &'a ControlPlane, now: Timestamp) -> Self {
        let options = InitOptions::at(now).wait_for_kubelet(false);
        let config = of.config().clone();
        Self { of, told: Arc::default(), cancel: CancelToken::default(), options, config, also: None }
    }

    pub(super) fn stages(&self, from: &str, until: &str) -> Result<Report, FlowError> {
        let selection = Selection::default().from(from).unwrap().until(until).unwrap();
        let observer: Arc<dyn Observer> = match &self.also {
            Some(also) => Arc::new(again::Both(self.told.clone(), also.clone())),
            None => self.told.clone(),
        };
        let run = Run { observer, cancel: self.cancel.clone() };
        let config = self.config.clone();
        self.of.inside(|| {
            let tree = Tree::create(self.of.root()).unwrap();
            let mut on = Cluster::new(Host::new(tree.clone()), &config);
            let flow = flow::init(config.clone(), self.options.clone()).select(selection).unwrap();
            wait(flow.run(&mut probe::Host::new(tree), &mut on, &run))
        })
    }
}

/// Stops a run when a test that watches it ends, also by a panic.
pub(super) struct Ends<'a>(pub(super) &'a CancelToken);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.trigger();
    }
}

/// Registers the Node as its kubelet would.
pub(super) fn register(of: &ControlPlane) {
    let name = of.config().node_name();
    let labels = json!({"kubernetes.io/hostname": name});
    let taint = json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]);
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": {"taints": taint},
    });
    of.caller("super-admin.conf").create(&node).unwrap();
}

/// Waits until something is so.
pub(super) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
