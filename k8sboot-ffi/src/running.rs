//! What is behind a flow handle: the flow, its directory, its executor.

use std::sync::Arc;

use k8sboot_core::{
    blocking::wait,
    exec::{self, Check, Executor, Tree},
    flow::{Flow, FlowError, Report, Selection, StageReport},
    plan::Plan,
    probe::Probe,
};

use crate::{
    error::Failure,
    event::Run,
    plan::{Origin, Planned},
    site::Site,
    watch::{Watch, Watched},
};

/// What a flow is for: by what its node is looked at and changed.
pub(crate) trait Purpose: Send {
    /// Looks at the node; what takes long there tells its events to `run` and stops with it.
    fn probe(&mut self, site: &mut Site, run: &exec::Run) -> Result<Box<dyn Probe + '_>, Failure>;

    /// Whether its executor can do a step.
    fn check(&self) -> Check;

    /// Carries out its plans. One for all stages, because it has the clock of the run and what was read.
    fn executor(&self, tree: Tree) -> Box<dyn Executor>;

    /// The commands that add nodes to its cluster, as a JSON list.
    fn join_commands(&self, site: &Site) -> Result<String, Failure>;
}

/// The stages of a flow that a caller wants.
pub(crate) fn select(
    all: Selection,
    from: Option<&str>,
    until: Option<&str>,
    skip: &[String],
) -> Result<Selection, Failure> {
    let mut selection = all;
    if let Some(until) = until {
        selection = selection.until(until)?;
    }
    if let Some(from) = from {
        selection = selection.from(from)?;
    }
    for stage in skip {
        selection = selection.skip(stage)?;
    }
    selection.stages()?;
    Ok(selection)
}

/// A flow that is under way.
pub(crate) struct Running {
    flow: Flow,
    purpose: Box<dyn Purpose>,
    site: Site,
    executor: Option<Box<dyn Executor>>,
    /// Tells its plans from those of other flows.
    identity: Arc<()>,
    /// Whether a plan was asked for, so that there may be stages that are done.
    begun: bool,
    /// The stage that was planned last and not carried out.
    latest: Option<&'static str>,
    failed: bool,
}

impl Running {
    pub(crate) fn new(flow: Flow, purpose: Box<dyn Purpose>, site: Site) -> Self {
        let (executor, identity, latest) = (None, Arc::new(()), None);
        Self { flow, purpose, site, executor, identity, begun: false, latest, failed: false }
    }

    pub(crate) fn next_plan(&mut self) -> Result<Option<Planned>, Failure> {
        self.plan_next(&exec::Run::default(), Failure::from)
    }

    fn plan_next(
        &mut self,
        run: &exec::Run,
        failure: impl Fn(FlowError) -> Failure,
    ) -> Result<Option<Planned>, Failure> {
        self.usable()?;
        self.begun = true;
        let plan = {
            let mut probe = self.purpose.probe(&mut self.site, run)?;
            wait(self.flow.next_plan(&mut *probe)).map_err(failure)?
        };
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
        report.stages.push(watch.during(|| self.carry_out(&planned.plan, &watch))?);
        Ok(report.to_json().to_string())
    }

    pub(crate) fn run(&mut self, run: Run) -> Result<String, Failure> {
        self.usable()?;
        let watch = Watch::new(run);
        watch.during(|| self.run_watched(&watch))
    }

    fn run_watched(&mut self, watch: &Arc<Watch>) -> Result<String, Failure> {
        let failure = |error: FlowError| watch.with_report(watch.failure(error));
        if !self.begun {
            // Not even the root is made for a run that cannot begin.
            let check = self.purpose.check();
            let mut probe = self.purpose.probe(&mut self.site, &watch.run())?;
            wait(self.flow.rehearse(&mut *probe, check)).map_err(failure)?;
        }
        let _lock = self.site.make()?.lock()?;
        let mut report = Report::default();
        while let Some(planned) = self.plan_next(&watch.run(), failure)? {
            report.stages.push(self.carry_out(&planned.plan, watch)?);
        }
        Ok(report.to_json().to_string())
    }

    /// The join commands, as a JSON list.
    pub(crate) fn join_commands(&self) -> Result<String, Failure> {
        self.purpose.join_commands(&self.site)
    }

    fn carry_out(&mut self, plan: &Plan, watch: &Arc<Watch>) -> Result<StageReport, Failure> {
        let executor = match &mut self.executor {
            Some(executor) => executor,
            none => none.insert(self.purpose.executor(self.site.make()?)),
        };
        self.latest = None;
        let mut watched = Watched { executor: executor.as_mut(), watch };
        wait(self.flow.apply(plan, &mut watched, &watch.run())).map_err(|error: FlowError| {
            self.failed = true;
            watch.with_report(watch.failure(error))
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
