//! Why a flow cannot go on.

use crate::{
    error::{Code, Details, Problem, codes},
    exec::ExecError,
    join::JoinError,
    manifest::ManifestError,
    plan::PlanError,
    probe::ProbeError,
};

codes! {
    /// A stage that the flow does not have.
    FLOW_UNKNOWN_STAGE = 9201,
    /// A choice of stages that leaves none.
    FLOW_EMPTY_SELECTION = 9202,
    /// The run was cancelled.
    FLOW_CANCELLED = 9203,
    /// A plan of another stage was handed in.
    FLOW_ORDER = 9204,
    /// A phase to skip that kubeadm does not have.
    FLOW_UNKNOWN_PHASE = 9205,
    /// The configuration asks for a dry run.
    FLOW_DRY_RUN = 9206,
}

/// Why a flow cannot go on. The stages before are done; running again goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// A stage that the flow does not have.
    #[error("flow: expected a stage of {}, found {found:?}", stages.join(", "))]
    #[non_exhaustive]
    UnknownStage {
        /// The stages of the flow.
        stages: &'static [&'static str],
        /// As given.
        found: String,
    },
    /// A phase to skip that kubeadm does not have.
    #[error(
        "flow: skipPhases: expected a phase of kubeadm {flow} such as {}, found {found:?} (correct or remove it)",
        if *flow == "init" { "certs or control-plane/apiserver" } else { "preflight or kubelet-start" }
    )]
    #[non_exhaustive]
    UnknownPhase {
        /// `init` or `join`.
        flow: &'static str,
        /// As given.
        found: String,
    },
    /// The configuration asks for a dry run.
    #[error(
        "flow: dryRun: expected false for a run that changes something, found true (ask for plans only, or remove it)"
    )]
    #[non_exhaustive]
    DryRun {},
    /// A choice of stages that leaves none.
    #[error(
        "flow: expected at least one stage, found none from {from} until {until} (check the order of the two, and what is skipped)"
    )]
    #[non_exhaustive]
    EmptySelection {
        /// First stage.
        from: &'static str,
        /// Last stage.
        until: &'static str,
    },
    /// The selection is of another flow's stages.
    #[error(
        "flow: expected a selection of the stages {}, found one of {} (make it with Selection::of)",
        expected.join(", "), found.join(", ")
    )]
    #[non_exhaustive]
    OtherFlow {
        /// The stages of the flow.
        expected: &'static [&'static str],
        /// Those of the selection.
        found: &'static [&'static str],
    },
    /// The run was cancelled at a safe point.
    #[error("flow: cancelled in stage {stage} before step {before} (run again to go on)")]
    #[non_exhaustive]
    Cancelled {
        /// The stage.
        stage: &'static str,
        /// The first step that was not done.
        before: String,
    },
    /// A plan of another stage was handed in.
    #[error("flow: expected the plan of stage {expected}, found one of {found}")]
    #[non_exhaustive]
    Order {
        /// The stage that is next.
        expected: &'static str,
        /// The stage of the plan.
        found: &'static str,
    },
    /// The node could not be looked at.
    #[error("stage {stage}")]
    #[non_exhaustive]
    Probe {
        /// The stage.
        stage: &'static str,
        /// Why.
        #[source]
        source: ProbeError,
    },
    /// No plan could be made.
    #[error("stage {stage}")]
    #[non_exhaustive]
    Plan {
        /// The stage.
        stage: &'static str,
        /// Why: every reason that was found.
        #[source]
        source: Box<PlanError>,
    },
    /// Objects could not be rendered.
    #[error("stage {stage}")]
    #[non_exhaustive]
    Objects {
        /// The stage.
        stage: &'static str,
        /// Why.
        #[source]
        source: ManifestError,
    },
    /// The node cannot join this cluster.
    #[error("stage {stage}")]
    #[non_exhaustive]
    Join {
        /// The stage.
        stage: &'static str,
        /// Why not.
        #[source]
        source: Box<JoinError>,
    },
    /// A step failed.
    #[error("stage {stage}: step {step}")]
    #[non_exhaustive]
    Step {
        /// The stage.
        stage: &'static str,
        /// The step.
        step: String,
        /// Why.
        #[source]
        source: Box<ExecError>,
    },
}

impl Problem for FlowError {
    fn code(&self) -> Code {
        match self {
            Self::UnknownStage { .. } | Self::OtherFlow { .. } => Code::FLOW_UNKNOWN_STAGE,
            Self::UnknownPhase { .. } => Code::FLOW_UNKNOWN_PHASE,
            Self::DryRun {} => Code::FLOW_DRY_RUN,
            Self::EmptySelection { .. } => Code::FLOW_EMPTY_SELECTION,
            Self::Cancelled { .. } => Code::FLOW_CANCELLED,
            Self::Order { .. } => Code::FLOW_ORDER,
            Self::Probe { source, .. } => source.code(),
            Self::Plan { source, .. } => source.code(),
            Self::Objects { source, .. } => source.code(),
            Self::Join { source, .. } => source.code(),
            Self::Step { source, .. } => source.code(),
        }
    }

    fn details(&self) -> Details {
        match self {
            Self::Probe { source, .. } => source.details(),
            Self::Plan { source, .. } => source.details(),
            Self::Objects { source, .. } => source.details(),
            Self::Join { source, .. } => source.details(),
            Self::Step { source, .. } => source.details(),
            Self::UnknownStage { stages, found } => {
                let expected = Some(stages.join(", "));
                Details { expected, found: Some(found.clone()), ..Details::default() }
            }
            _ => Details::default(),
        }
    }
}
