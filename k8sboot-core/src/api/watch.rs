//! Changes of objects as they happen.

use std::{sync::mpsc, time::Duration};

use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::task::AbortHandle;

use super::{ApiError, Client, Method, Resource, Status, client::Failure, objects::Scope};
use crate::manifest::Object;

/// The longest line that is read, in bytes.
const LONGEST: usize = 16 * 1024 * 1024;

/// A change of an object.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// It is new, or was there when the watch began.
    Added(Object),
    /// It was changed.
    Modified(Object),
    /// It is gone; this is what it was last.
    Deleted(Object),
}

impl Change {
    /// The object.
    #[must_use]
    pub const fn object(&self) -> &Object {
        match self {
            Self::Added(object) | Self::Modified(object) | Self::Deleted(object) => object,
        }
    }
}

/// An open watch; it ends when it is dropped.
#[derive(Debug)]
pub struct Watch {
    changes: mpsc::Receiver<Result<Change, ApiError>>,
    task: AbortHandle,
    // Keeps the thread that feeds the watch.
    _client: Client,
}

impl Watch {
    /// The next change; `None` if none comes within the limit, or the server has ended the watch, which it does after
    /// some minutes ([`is_over`](Self::is_over) tells).
    ///
    /// # Errors
    ///
    /// [`ApiError::Expired`] if the watch began too long ago: list again; what hinders the connection.
    pub fn next_within(&mut self, limit: Duration) -> Result<Option<Change>, ApiError> {
        self.changes.recv_timeout(limit).ok().transpose()
    }

    /// Whether no further change can come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.task.is_finished()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    /// Follows the objects of a resource from a `resourceVersion` on; from `""` what is there comes first. `query` as for
    /// [`list`](Self::list).
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn watch(
        &self,
        resource: &Resource,
        namespace: Scope<'_>,
        query: &str,
        resource_version: &str,
    ) -> Result<Watch, ApiError> {
        let mut path = format!("{}?watch=true", resource.path(namespace, None));
        for (name, value) in [("", query), ("resourceVersion=", resource_version)] {
            if !value.is_empty() {
                path.push('&');
                path.push_str(name);
                path.push_str(value);
            }
        }
        let request = self.request(Method::Get, &path, None)?;
        let (kube, server) = (self.kube().clone(), self.server().to_owned());
        let name = format!("GET {path}");
        let answer = self
            .wait(&name, self.limit(), async move {
                kube.send(request).await.map_err(|error| Failure::of(&error))
            })?
            .map_err(|failure| failure.into_error(&server, name.clone()))?;
        let code = answer.status().as_u16();
        if code != 200 {
            return Err(ApiError::of_status(&server, &name, Status { code, ..Status::default() }, None));
        }
        let (tell, changes) = mpsc::channel();
        let task = self.spawn(async move {
            let mut body = answer.into_body();
            let mut text = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = match frame {
                    Ok(frame) => frame,
                    Err(error) => {
                        let _ = tell.send(Err(Failure::of(&error).into_error(&server, name)));
                        return;
                    }
                };
                let Some(data) = frame.data_ref() else { continue };
                text.extend_from_slice(data);
                while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = text.drain(..=end).collect();
                    match read(&line, &server, &name) {
                        Ok(Some(change)) => {
                            if tell.send(Ok(change)).is_err() {
                                return;
                            }
                        }
                        Ok(None) => {}
                        Err(error) => {
                            let _ = tell.send(Err(error));
                            return;
                        }
                    }
                }
                if text.len() > LONGEST {
                    return;
                }
            }
        });
        Ok(Watch { changes, task, _client: self.clone() })
    }
}

/// One line of a watch; bookmarks are nothing.
fn read(line: &[u8], server: &str, request: &str) -> Result<Option<Change>, ApiError> {
    let damaged = || ApiError::Answer {
        server: server.to_owned(),
        request: request.to_owned(),
        expected: "an event of a watch",
        found: "something else".to_owned(),
    };
    let mut event: Value = serde_json::from_slice(line).map_err(|_| damaged())?;
    let kind = event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let object = event.get_mut("object").map(Value::take).ok_or_else(damaged)?;
    let make: fn(Object) -> Change = match kind.as_str() {
        "ADDED" => Change::Added,
        "MODIFIED" => Change::Modified,
        "DELETED" => Change::Deleted,
        "BOOKMARK" => return Ok(None),
        "ERROR" => {
            let code = object.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
            let status = Status::read(code.unwrap_or(500), object.to_string().as_bytes());
            return Err(ApiError::of_status(server, request, status, None));
        }
        _ => return Err(damaged()),
    };
    Object::from_value(object).map(|object| Some(make(object))).map_err(|_| damaged())
}
