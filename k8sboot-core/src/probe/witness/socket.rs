//! Asking a runtime over its socket, from a thread and event loop that end with the call.

use std::{io, path::Path, thread, time::Duration};

use tokio::{net::UnixStream, runtime::Builder, time::timeout};

use super::WitnessError;

/// A runtime and where it listens.
#[derive(Clone, Copy)]
pub(super) struct Server<'a> {
    pub(super) runtime: &'static str,
    pub(super) path: &'a Path,
    /// For everything that is asked together.
    pub(super) limit: Duration,
}

impl Server<'_> {
    /// Runs the questions to their end on a thread of their own, so that a caller may be inside an event loop itself.
    pub(super) fn ask<T: Send>(
        self,
        questions: impl Future<Output = Result<T, WitnessError>> + Send,
    ) -> Result<T, WitnessError> {
        let start = |what| move |source| WitnessError::Start { what, source };
        let talk = || {
            let events =
                Builder::new_current_thread().enable_all().build().map_err(start("an event loop"))?;
            events.block_on(self.within(questions))
        };
        thread::scope(|scope| {
            let talker = thread::Builder::new()
                .name("k8sboot-witness".to_owned())
                .spawn_scoped(scope, talk)
                .map_err(start("a thread"))?;
            let panicked = |_| start("a thread")(io::Error::other("the thread panicked"));
            talker.join().map_err(panicked)?
        })
    }

    /// Tries the socket, whose errors clients hide, then waits for the answers, but not for ever.
    async fn within<T>(
        self,
        questions: impl Future<Output = Result<T, WitnessError>>,
    ) -> Result<T, WitnessError> {
        let all = async {
            UnixStream::connect(self.path).await.map_err(|source| WitnessError::Socket {
                runtime: self.runtime,
                path: self.path.to_owned(),
                source,
            })?;
            questions.await
        };
        let late = |_| WitnessError::Timeout {
            runtime: self.runtime,
            path: self.path.to_owned(),
            after: self.limit,
        };
        timeout(self.limit, all).await.map_err(late)?
    }

    /// An answer that is not what was asked for.
    pub(super) fn answer(&self, request: &'static str, answer: impl ToString) -> WitnessError {
        WitnessError::Answer {
            runtime: self.runtime,
            path: self.path.to_owned(),
            request,
            answer: answer.to_string(),
        }
    }
}
