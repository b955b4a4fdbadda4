//! What is behind a flow handle: the flow, its directory, its executor.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use k8sboot_core::{
    blocking::wait,
    config::InitConfig,
    exec::{Host, Tree},
    flow::{self, Flow, FlowError, InitOptions, Report, Selection, StageReport},
    plan::Plan,
    probe::{self, Probe},
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    error::Failure,
    event::Run,
    json,
    plan::{Origin, Planned},
    watch::{Watch, Watched},
};

/// The directory of a node, which may not exist yet.
pub(crate) struct Site {
    root: PathBuf,
    tree: Option<Tree>,
}

impl Site {
    pub(crate) fn new(root: &str) -> Result<Self, Failure> {
        if root.is_empty() {
            return Err(Failure::misuse("root", "expected a directory, found an empty text"));
        }
        Ok(Self { root: root.into(), tree: None })
    }

    /// The tree, if it is there. Makes nothing.
    pub(crate) fn look(&mut self) -> Result<Option<Tree>, Failure> {
        if self.tree.is_none() && self.root.symlink_metadata().is_ok() {
            self.tree = Some(Tree::open(&self.root)?);
        }
        Ok(self.tree.clone())
    }

    fn probe(&mut self) -> Result<Box<dyn Probe>, Failure> {
        Ok(match self.look()? {
            Some(tree) => Box::new(probe::Host::new(tree)),
            None => Box::new(probe::EmptyTree),
        })
    }

    /// The tree; makes its root if that is missing.
    fn make(&mut self) -> Result<Tree, Failure> {
        match self.look()? {
            Some(tree) => Ok(tree),
            None => Ok(self.tree.insert(Tree::create(&self.root)?).clone()),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Options {
    from: Option<String>,
    until: Option<String>,
    skip: Vec<String>,
}

/// Everything of a flow but the configuration.
pub(crate) struct Ready {
    site: Site,
    options: InitOptions,
    selection: Selection,
}

impl Ready {
    pub(crate) fn new(config: &InitConfig, root: &str, options: Option<&str>) -> Result<Self, Failure> {
        let given: Options = json::optional_object(options, "options")?;
        let mut selection = Selection::default().until(given.until.as_deref().unwrap_or("kubelet"))?;
        if let Some(from) = &given.from {
            selection = selection.from(from)?;
        }
        for stage in &given.skip {
            selection = selection.skip(stage)?;
        }
        selection.stages()?;
        let mut site = Site::new(root)?;
        let patches = probe::read_patches(site.look()?.as_ref(), config)?;
        let options = InitOptions::at(Timestamp::from(SystemTime::now())).patches(patches);
        Ok(Self { site, options, selection })
    }

    pub(crate) fn begin(self, config: InitConfig) -> Result<Running, Failure> {
        let flow = flow::init(config.clone(), self.options).select(self.selection)?;
        let identity = Arc::new(());
        let (site, host, latest) = (self.site, None, None);
        Ok(Running { flow, config, site, host, identity, begun: false, latest, failed: false })
    }
}

/// A flow that is under way.
pub(crate) struct Running {
    flow: Flow,
    config: InitConfig,
    site: Site,
    /// One for all stages, because it has the clock of the run and the authorities that were read.
    host: Option<Host>,
    /// Tells its plans from those of other flows.
    identity: Arc<()>,
    /// Whether a plan was asked for, so that there may be stages that are done.
    begun: bool,
    /// The stage that was planned last and not carried out.
    latest: Option<&'static str>,
    failed: bool,
}

impl Running {
    pub(crate) fn next_plan(&mut self) -> Result<Option<Planned>, Failure> {
        self.usable()?;
        self.begun = true;
        let plan = wait(self.flow.next_plan(&mut *self.site.probe()?))?;
        self.latest = plan.as_ref().map(|plan| plan.stage);
        let (seen, origin) = (self.flow.facts().clone(), Origin::Flow(self.identity.clone()));
        Ok(plan.map(|plan| Planned { plan, seen, origin }))
    }

    /// Refuses plans that are not the latest of this flow.
    pub(crate) fn owns(&self, planned: &Planned) -> Result<(), Failure> {
        self.usable()?;
        let own = matches!(&planned.origin, Origin::Flow(identity) if Arc::ptr_eq(identity, &self.identity));
        if own && self.latest == Some(planned.plan.stage) {
            return Ok(());
        }
        let whose = if own { "a later one of it was made" } else { "it was made elsewhere" };
        Err(Failure::misuse("plan", &format!("expected the latest plan of this flow, but {whose}")))
    }

    pub(crate) fn apply(&mut self, planned: &Planned, run: Run) -> Result<String, Failure> {
        let _lock = self.site.make()?.lock()?;
        let watch = Watch::new(run);
        let mut report = Report::default();
        report.stages.push(self.carry_out(&planned.plan, &watch)?);
        Ok(report.to_json().to_string())
    }

    pub(crate) fn run(&mut self, run: Run) -> Result<String, Failure> {
        self.usable()?;
        let watch = Watch::new(run);
        if !self.begun {
            // Not even the root is made for a run that cannot begin.
            wait(self.flow.rehearse(&mut *self.site.probe()?, Host::check_step))
                .map_err(|error| watch.failure(error))?;
        }
        let _lock = self.site.make()?.lock()?;
        let mut report = Report::default();
        while let Some(planned) = self.next_plan().map_err(|failure| watch.with_report(failure))? {
            report.stages.push(self.carry_out(&planned.plan, &watch)?);
        }
        Ok(report.to_json().to_string())
    }

    /// The join commands, as a JSON list.
    pub(crate) fn join_commands(&self) -> Result<String, Failure> {
        let path = format!("{}/ca.crt", self.config.certificates_dir());
        let ca = match &self.site.tree {
            Some(tree) => tree.read(&path)?,
            None => None,
        };
        let none = || Failure::misuse("flow", &format!("{path} is missing (carry out stage pki first)"));
        let ca = String::from_utf8_lossy(&ca.ok_or_else(none)?).into_owned();
        let commands = flow::join_commands(&self.config, &ca)?;
        let lines =
            commands.iter().map(|join| join.expose_line().expose_str().unwrap_or_default().to_owned());
        Ok(Value::from(lines.collect::<Vec<_>>()).to_string())
    }

    fn carry_out(&mut self, plan: &Plan, watch: &Arc<Watch>) -> Result<StageReport, Failure> {
        let host = match &mut self.host {
            Some(host) => host,
            none => none.insert(Host::new(self.site.make()?)),
        };
        self.latest = None;
        wait(self.flow.apply(plan, &mut Watched { host, watch }, &watch.run())).map_err(|error: FlowError| {
            self.failed = true;
            watch.failure(error)
        })
    }

    fn usable(&self) -> Result<(), Failure> {
        match self.failed {
            true => Err(Failure::misuse(
                "flow",
                "an earlier stage failed (make a new flow, it goes on from there)",
            )),
            false => Ok(()),
        }
    }
}
