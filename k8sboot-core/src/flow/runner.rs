//! The loop: next stage, probe, plan, apply.

use super::{FlowError, Report, Selection, StageReport, StepReport};
use crate::{
    exec::{Check, Event, Executor, Run},
    facts::{Facts, FileFact, Wanted},
    plan::{Action, OnError, Plan},
    probe::Probe,
};

/// What is particular to a flow: its stages, what each wants to see, and the plan that it makes of that.
pub(super) trait Stages: Send + Sync {
    /// All stages, in order.
    fn table(&self) -> &'static [&'static str];

    /// Told which stages are done.
    fn select(&mut self, stages: &[&str]);

    /// What a stage wants to see.
    fn wanted(&self, stage: &'static str) -> Result<Wanted, FlowError>;

    /// The plan of a stage.
    fn plan(&mut self, stage: &'static str, seen: &Facts) -> Result<Plan, FlowError>;

    /// Whether the configuration allows a run to change something.
    fn may_change(&self) -> Result<(), FlowError>;
}

/// A flow: stages that are planned and carried out one after the other.
///
/// # Examples
///
/// A dry run asks for plans and applies none:
///
/// ```
/// # #[cfg(feature = "host")] {
/// use k8sboot_core::{blocking::wait, config::Documents, exec::Tree, facts::NodeFacts, flow, probe};
///
/// let text = "
/// apiVersion: kubeadm.k8s.io/v1beta4
/// kind: InitConfiguration
/// localAPIEndpoint: {advertiseAddress: 192.0.2.10}
/// ---
/// apiVersion: kubeadm.k8s.io/v1beta4
/// kind: ClusterConfiguration
/// kubernetesVersion: v1.36.2
/// ";
/// let config = Documents::parse(text).unwrap().into_init(&NodeFacts::named("node-1"), None).unwrap();
/// let now = "2026-11-23T00:00:00Z".parse().unwrap();
/// let root = std::env::temp_dir();
/// let mut probe = probe::Host::new(Tree::open(&root).unwrap());
/// let mut flow = flow::init(config, flow::InitOptions::at(now)).select(flow::Selection::default().until("pki").unwrap()).unwrap();
/// while let Some(plan) = wait(flow.next_plan(&mut probe)).unwrap() {
///     println!("{}", plan.to_text());
/// }
/// # }
/// ```
pub struct Flow {
    inner: Box<dyn Stages>,
    stages: Vec<&'static str>,
    next: usize,
    planned: Option<&'static str>,
    facts: Facts,
    assumed: Vec<(String, FileFact)>,
}

impl Flow {
    pub(super) fn new(inner: impl Stages + 'static) -> Self {
        Self {
            stages: inner.table().to_vec(),
            inner: Box::new(inner),
            next: 0,
            planned: None,
            facts: Facts::default(),
            assumed: Vec::new(),
        }
    }

    /// Does only the selected stages.
    ///
    /// # Errors
    ///
    /// [`FlowError::EmptySelection`], [`FlowError::OtherFlow`] for a selection of another flow's stages.
    pub fn select(mut self, selection: Selection) -> Result<Self, FlowError> {
        let (expected, found) = (self.inner.table(), selection.table());
        if expected != found {
            return Err(FlowError::OtherFlow { expected, found });
        }
        self.stages = selection.stages()?;
        self.inner.select(&self.stages);
        Ok(self)
    }

    /// The stages that this flow does, in order.
    #[must_use]
    pub fn stages(&self) -> &[&'static str] {
        &self.stages
    }

    /// What the probe saw for the latest plan, for [`Plan::diff`].
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Looks at the node and plans the next stage; `None` after the last.
    ///
    /// Asking again without [`apply`](Self::apply) goes on to the stage after: a dry run. Later stages are then planned
    /// as if the earlier ones had been carried out.
    ///
    /// # Errors
    ///
    /// [`FlowError::Probe`] or [`FlowError::Plan`]; nothing was changed.
    pub async fn next_plan(&mut self, probe: &mut dyn Probe) -> Result<Option<Plan>, FlowError> {
        let Some(stage) = self.stages.get(self.next).copied() else { return Ok(None) };
        let wanted = self.inner.wanted(stage)?;
        self.facts = probe.gather(&wanted).await.map_err(|source| FlowError::Probe { stage, source })?;
        for (path, fact) in &self.assumed {
            if self.facts.file(path).is_missing() {
                self.facts.files.insert(path.clone(), fact.clone());
            }
        }
        let plan = self.inner.plan(stage, &self.facts)?;
        self.assumed.extend(plan.steps().iter().filter_map(|step| match &step.action {
            Action::MakeDirectory { path, mode } => {
                Some((path.clone(), FileFact::Directory { mode: *mode, empty: true }))
            }
            _ => None,
        }));
        self.next += 1;
        self.planned = Some(stage);
        Ok(Some(plan))
    }

    /// Carries out the plan that [`next_plan`](Self::next_plan) gave last.
    ///
    /// # Errors
    ///
    /// [`FlowError::Step`] naming the step, [`FlowError::Cancelled`]; what was done stays, and a further run goes on.
    pub async fn apply(
        &mut self,
        plan: &Plan,
        on: &mut dyn Executor,
        run: &Run,
    ) -> Result<StageReport, FlowError> {
        let stage = plan.stage;
        if self.planned != Some(stage) {
            return Err(FlowError::Order { expected: self.planned.unwrap_or("none"), found: stage });
        }
        self.inner.may_change()?;
        let report = carry_out(plan, on, run).await?;
        self.planned = None;
        self.assumed.clear();
        Ok(report)
    }

    /// Plans every stage as if the earlier ones had been carried out, asks `check` about every step, and goes back to the
    /// first stage: whether a run can begin at all. Nothing is changed.
    ///
    /// # Errors
    ///
    /// As [`next_plan`](Self::next_plan); [`FlowError::Step`] for a step that `check` refuses.
    pub async fn rehearse(&mut self, probe: &mut dyn Probe, check: Check) -> Result<(), FlowError> {
        while let Some(plan) = self.next_plan(probe).await? {
            for step in plan.steps() {
                check(step).map_err(|source| FlowError::Step {
                    stage: plan.stage,
                    step: step.id.clone(),
                    source: source.into(),
                })?;
            }
        }
        self.next = 0;
        self.planned = None;
        self.assumed.clear();
        Ok(())
    }

    /// Rehearses, then plans and carries out every stage: what can be known before is an error before anything is
    /// changed, whatever stage it is in.
    ///
    /// # Errors
    ///
    /// The first that [`rehearse`](Self::rehearse), [`next_plan`](Self::next_plan) or [`apply`](Self::apply) gives.
    pub async fn run(
        mut self,
        probe: &mut dyn Probe,
        on: &mut dyn Executor,
        run: &Run,
    ) -> Result<Report, FlowError> {
        self.inner.may_change()?;
        self.rehearse(probe, on.check()).await?;
        let mut report = Report::default();
        while let Some(plan) = self.next_plan(probe).await? {
            report.stages.push(self.apply(&plan, on, run).await?);
        }
        Ok(report)
    }
}

/// Carries out one plan, wherever it came from (a flow's stage, a renewal).
///
/// # Errors
///
/// As [`Flow::apply`].
pub async fn carry_out(plan: &Plan, on: &mut dyn Executor, run: &Run) -> Result<StageReport, FlowError> {
    let stage = plan.stage;
    let steps = plan.steps().len();
    run.observer.event(&Event::StageStarted { stage, steps });
    for text in plan.notes() {
        run.observer.event(&Event::Note { stage, text });
    }
    let mut report = StageReport { stage, steps: Vec::new(), notes: plan.notes().to_vec() };
    on.prepare(plan, run).await.map_err(|source| FlowError::Step {
        stage,
        step: "prepare".to_owned(),
        source: Box::new(source),
    })?;
    let done = steps_of(plan, on, run, &mut report).await;
    // What was done is made durable also if a step failed; the failure of the step is the one to tell.
    let finished = on.finish(run).await;
    done?;
    finished.map_err(|source| FlowError::Step {
        stage,
        step: "finish".to_owned(),
        source: Box::new(source),
    })?;
    run.observer.event(&Event::StageDone { stage });
    Ok(report)
}

async fn steps_of(
    plan: &Plan,
    on: &mut dyn Executor,
    run: &Run,
    report: &mut StageReport,
) -> Result<(), FlowError> {
    let (stage, steps) = (plan.stage, plan.steps().len());
    for (index, step) in plan.steps().iter().enumerate() {
        if run.cancel.is_triggered() {
            return Err(FlowError::Cancelled { stage, before: step.id.clone() });
        }
        let number = index + 1;
        run.observer.event(&Event::StepStarted { stage, number, steps, step });
        let done = on.run(step, run).await;
        for text in on.take_notes() {
            run.observer.event(&Event::Note { stage, text: &text });
            report.notes.push(text);
        }
        match done {
            Ok(outcome) => {
                run.observer.event(&Event::StepDone { stage, number, steps, step, outcome: &outcome });
                report.steps.push(StepReport { id: step.id.clone(), paths: step.action.paths(), outcome });
            }
            Err(source) => {
                run.observer.event(&Event::StepFailed { stage, step, error: &source });
                if step.on_error == OnError::Stop {
                    return Err(FlowError::Step { stage, step: step.id.clone(), source: Box::new(source) });
                }
                report.notes.push(format!("{}: {}", step.id, crate::error::chain(&source)));
            }
        }
    }
    Ok(())
}
