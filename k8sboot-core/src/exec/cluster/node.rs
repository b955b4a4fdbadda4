//! The Node of a control plane: registered, then marked.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Cluster, apply::sleep};
use crate::{
    api::{Client, Method, Resource},
    exec::{Event, ExecError, Outcome, Run},
    health::{Reason, WaitError},
    manifest::{
        Object,
        managed::FIELD_MANAGER,
        node::{ControlPlaneMark, taints_of},
    },
    plan::Step,
};

const AGAIN: Duration = Duration::from_millis(100);
/// The kubelet sets it when it registers the Node.
const HOSTNAME: &str = "kubernetes.io/hostname";

impl Cluster {
    /// Waits until a Node is there as the kubelet registers it.
    pub(super) fn registered(
        &mut self,
        name: &str,
        limit: Duration,
        step: &Step,
        run: &Run,
    ) -> Result<Outcome, ExecError> {
        let client = self.client()?.cancelled_by(run.cancel.clone());
        let (begin, what) = (Instant::now(), format!("node {name}"));
        let mut told: Option<Reason> = None;
        loop {
            let node = self.persist(&what, step, run, || client.get(&Resource::NODES, None, name))?;
            let Some(reason) = lacking(name, node.as_ref()) else {
                // A run that did not have to wait did nothing.
                return Ok(if told.is_none() { Outcome::AlreadySo } else { Outcome::Changed });
            };
            if told.as_ref() != Some(&reason) {
                let elapsed = begin.elapsed();
                run.observer.event(&Event::Waiting {
                    stage: self.stage,
                    step,
                    on: &what,
                    reason: Some(&reason),
                    elapsed,
                });
            }
            if begin.elapsed() >= limit {
                return Err(WaitError::Deadline { what, limit, reason: Box::new(reason) }.into());
            }
            if !sleep(AGAIN, run) {
                let after = begin.elapsed();
                return Err(WaitError::Cancelled { what, after, reason: Box::new(reason) }.into());
            }
            told = Some(reason);
        }
    }

    /// Gives a Node its labels and taints; those it has besides stay.
    pub(super) fn mark(
        &mut self,
        mark: &ControlPlaneMark,
        step: &Step,
        run: &Run,
    ) -> Result<Outcome, ExecError> {
        let client = self.client()?.cancelled_by(run.cancel.clone());
        let what = format!("v1 Node {}", mark.name);
        self.persist(&what, step, run, || {
            let Some(node) = client.get(&Resource::NODES, None, &mark.name)? else {
                return patch(&client, mark, &mark.patch(&[]));
            };
            if mark.is_on(&node) {
                return Ok(Outcome::AlreadySo);
            }
            let mut wanted = mark.patch(&taints_of(&node));
            // A list of taints is replaced as a whole: only the one that was looked at.
            let version = node.as_value().pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
            if let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.insert("resourceVersion".to_owned(), version);
            }
            patch(&client, mark, &wanted)
        })
    }
}

fn patch(client: &Client, mark: &ControlPlaneMark, wanted: &Value) -> Result<Outcome, crate::api::ApiError> {
    let path = format!("{}?fieldManager={FIELD_MANAGER}", Resource::NODES.path(None, Some(&mark.name)));
    let body = ("application/strategic-merge-patch+json", wanted.to_string().into_bytes());
    client.call(Method::Patch, &path, Some(body)).map(|_| Outcome::Changed)
}

fn lacking(name: &str, node: Option<&Object>) -> Option<Reason> {
    let lacks =
        |lacks: &str| Some(Reason::NoObject { object: format!("node {name}"), lacks: lacks.to_owned() });
    match node {
        None => lacks("it is not registered"),
        Some(node) => {
            let labels = node.as_value().pointer("/metadata/labels");
            match labels.and_then(|labels| labels.get(HOSTNAME)) {
                Some(_) => None,
                None => lacks("it has no label kubernetes.io/hostname yet"),
            }
        }
    }
}
