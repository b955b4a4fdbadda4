//! Objects: compared with what is there, written only if something is to change, repeated while the reason may pass.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Cluster, connection::SUPER_ADMIN};
use crate::{
    api::{ApiError, ApplyOptions, Client, Resource},
    exec::{Event, ExecError, Outcome, Run},
    health::{Reason, WaitError},
    manifest::{
        ManifestError, Object, ObjectKey,
        managed::{Comparison, FIELD_MANAGER, FieldDifference, Need, compare},
    },
    plan::{ApplyHow, Step},
};

/// The pause between two tries, and the longest one.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// How often a sleeping wait looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(20);
/// How long the API server may take to see the rights that it was just given.
const RIGHTS: Duration = Duration::from_secs(10);

impl Cluster {
    pub(super) fn apply(
        &mut self,
        object: &Object,
        how: &ApplyHow,
        step: &Step,
        run: &Run,
    ) -> Result<Outcome, ExecError> {
        let client = self.client()?.cancelled_by(run.cancel.clone());
        let object = match &how.owner {
            None => object.clone(),
            Some(owner) => {
                let at = object.key().to_string();
                let resource = resource_of(owner)?;
                let owner = self.persist(&at, step, run, || {
                    client.get(resource, owner.namespace.as_deref(), &owner.name)
                })?;
                owned(object, owner.as_ref())?
            }
        };
        let done = match self.put(&client, &object, how.keep, step, run) {
            Err(ExecError::Api { source, .. })
                if how.grants_admin && matches!(*source, ApiError::Forbidden { .. }) =>
            {
                self.put_as_super_admin(&client, &object, *source, step, run)?
            }
            other => other?,
        };
        if let Some(compared) = &done {
            self.tell(&object.key().to_string(), compared);
        }
        Ok(outcome(done.as_ref()))
    }

    /// The object that gives admin.conf its rights, written with those of super-admin.conf.
    fn put_as_super_admin(
        &mut self,
        admin: &Client,
        object: &Object,
        refused: ApiError,
        step: &Step,
        run: &Run,
    ) -> Result<Option<Comparison>, ExecError> {
        let Some(client) = self.connection.super_admin(self.host.tree())? else {
            return Err(ExecError::Rights {
                found: crate::error::chain(&refused),
                path: SUPER_ADMIN.to_owned(),
            });
        };
        let done = self.put(&client.cancelled_by(run.cancel.clone()), object, &[], step, run)?;
        // The API server sees the new rights a moment after it has stored them.
        let resource = resource_of(object.key())?;
        let until = Instant::now() + RIGHTS;
        loop {
            match admin.get(resource, object.key().namespace.as_deref(), &object.key().name) {
                Err(ApiError::Forbidden { .. }) if Instant::now() < until => thread::sleep(LOOK),
                Err(source) => return Err(ExecError::api(object.key().to_string(), source)),
                Ok(_) => return Ok(done),
            }
        }
    }

    /// Makes an object as wanted, but for what others keep; what was found to differ, `None` if it was not there.
    pub(super) fn put(
        &self,
        client: &Client,
        wanted: &Object,
        keep: &[&str],
        step: &Step,
        run: &Run,
    ) -> Result<Option<Comparison>, ExecError> {
        let key = wanted.key();
        let (name, resource) = (key.to_string(), resource_of(key)?);
        let options = ApplyOptions::new(FIELD_MANAGER).force(true);
        let done = self.persist(&name, step, run, || {
            let live = client.get(resource, key.namespace.as_deref(), &key.name)?;
            let (object, compared) = match to_apply(wanted, live.as_ref(), keep) {
                Ok(found) => found,
                Err(error) => return Ok(Err(error)),
            };
            if let Some(object) = object {
                client.apply(resource, &object, &options)?;
            }
            Ok(Ok(compared))
        })?;
        done.map_err(|source| ExecError::Object { object: name, source: Box::new(source) })
    }

    /// Notes what a person should know of a comparison.
    fn tell(&mut self, name: &str, compared: &Comparison) {
        if !compared.adopted_from.is_empty() && compared.need != Need::Nothing {
            let from = compared.adopted_from.join(", ");
            self.notes.push(format!(
                "{name} was made by {from}: its fields are managed by {FIELD_MANAGER} too now"
            ));
        }
        self.tell_kept(name, compared);
        self.notes.extend(compared.changed.iter().map(|found| format!("{name}: changed: {found}")));
        self.notes.extend(compared.dropped.iter().map(|field| format!("{name}: no longer wanted: {field}")));
    }

    pub(super) fn tell_kept(&mut self, name: &str, compared: &Comparison) {
        let kept =
            |found: &FieldDifference| format!("{name}: kept although something else is wanted: {found}");
        self.notes.extend(compared.kept.iter().map(kept));
    }

    /// Repeats a call while what hinders it may pass, and tells why it waits.
    pub(super) fn persist<T>(
        &self,
        what: &str,
        step: &Step,
        run: &Run,
        mut call: impl FnMut() -> Result<T, ApiError>,
    ) -> Result<T, ExecError> {
        let begin = Instant::now();
        let mut told: Option<Reason> = None;
        let mut pause = PAUSE;
        loop {
            let error = match call() {
                Ok(value) => return Ok(value),
                Err(ApiError::Cancelled { .. }) => return Err(cancelled(what, begin, told)),
                Err(error) if passes(&error) => error,
                Err(error) => return Err(ExecError::api(what, error)),
            };
            let reason = Reason::Api { said: crate::error::chain(&error) };
            if told.as_ref() != Some(&reason) {
                let (on, elapsed) = (what, begin.elapsed());
                run.observer.event(&Event::Waiting {
                    stage: self.stage,
                    step,
                    on,
                    reason: Some(&reason),
                    elapsed,
                });
                told = Some(reason);
            }
            if begin.elapsed() >= self.patience {
                return Err(ExecError::api(what, error));
            }
            if !sleep(pause, run) {
                return Err(cancelled(what, begin, told));
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// What became of an object that was put.
pub(super) const fn outcome(compared: Option<&Comparison>) -> Outcome {
    match compared {
        Some(Comparison { need: Need::Nothing, .. }) => Outcome::AlreadySo,
        _ => Outcome::Changed,
    }
}

/// Sleeps; whether to go on after it.
pub(super) fn sleep(time: Duration, run: &Run) -> bool {
    let until = Instant::now() + time;
    while !run.cancel.is_triggered() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(LOOK));
    }
    false
}

fn cancelled(what: &str, begin: Instant, told: Option<Reason>) -> ExecError {
    let reason = told.unwrap_or(Reason::Api { said: "the call was under way".to_owned() });
    ExecError::Wait(WaitError::Cancelled {
        what: what.to_owned(),
        after: begin.elapsed(),
        reason: Box::new(reason),
    })
}

/// Whether a call may succeed later: also when a namespace is not there yet, which the API server makes after it has
/// begun to answer, and when somebody else was faster.
fn passes(error: &ApiError) -> bool {
    match error {
        ApiError::NotFound { status, .. } => status.message.starts_with("namespaces "),
        ApiError::Conflict { status, .. } => status.reason == "Conflict",
        other => other.is_retryable(),
    }
}

fn resource_of(key: &ObjectKey) -> Result<&'static Resource, ExecError> {
    Resource::of(key).ok_or_else(|| ExecError::UnknownKind { object: key.to_string() })
}

/// The object with what makes its owner's removal its own.
pub(super) fn owned(object: &Object, owner: Option<&Object>) -> Result<Object, ExecError> {
    let at = |source| ExecError::Object { object: object.key().to_string(), source: Box::new(source) };
    let Some(owner) = owner else { return Ok(object.clone()) };
    let key = owner.key();
    let uid = owner.as_value().pointer("/metadata/uid").cloned().unwrap_or_default();
    let reference = json!([{
        "apiVersion": key.api_version, "kind": key.kind, "name": key.name, "uid": uid, "controller": true,
    }]);
    let mut value = object.as_value().clone();
    if let Some(metadata) = value.get_mut("metadata").and_then(|metadata| metadata.as_object_mut()) {
        metadata.insert("ownerReferences".to_owned(), reference);
    }
    Object::from_value(value).map_err(at)
}

/// What to apply, if anything, and how what is there differs, if something is there.
fn to_apply(
    wanted: &Object,
    live: Option<&Object>,
    keep: &[&str],
) -> Result<(Option<Object>, Option<Comparison>), ManifestError> {
    let Some(live) = live else {
        // Compared with nothing but its own identity, everything is to be applied.
        let key = wanted.key();
        let identity = json!({
            "apiVersion": key.api_version, "kind": key.kind,
            "metadata": {"name": key.name, "namespace": key.namespace},
        });
        let compared = compare(wanted, &Object::from_value(identity)?, &[])?;
        return Ok((Some(compared.object), None));
    };
    let compared = compare(wanted, live, keep)?;
    let object = match compared.need {
        Need::Nothing => None,
        // Only what was compared is overwritten: a change in between is a conflict, and compared anew.
        Need::Adopt | Need::Apply => Some(at_version(&compared.object, live)?),
    };
    Ok((object, Some(compared)))
}

fn at_version(object: &Object, live: &Object) -> Result<Object, ManifestError> {
    let mut value = object.as_value().clone();
    let version = live.as_value().pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
    if let Some(metadata) = value.get_mut("metadata").and_then(|metadata| metadata.as_object_mut()) {
        metadata.insert("resourceVersion".to_owned(), version);
    }
    Object::from_value(value)
}
