//! A thread that speaks to servers for callers that only wait.

use std::{
    future::Future,
    io,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use tokio::{runtime, sync::oneshot, task::AbortHandle};

/// A runtime on a thread of its own, from the first to the last handle of a client.
///
/// The caller's thread only waits for an answer. So a call is allowed inside another runtime too, where it blocks that
/// thread; leases are kept alive and watches followed between calls.
#[derive(Debug)]
pub(crate) struct Runtime {
    handle: runtime::Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Runtime {
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            // The sender is dropped or used when the last handle goes: both end the thread.
            .spawn(move || {
                let _ = runtime.block_on(stopped);
                // A name server that does not answer keeps a thread of the runtime busy, and nobody here.
                runtime.shutdown_background();
            })?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Carries a future out on the thread and waits for it; nothing if the thread has ended.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (answer, wait) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            let result = future.await;
            // Nobody waits any more only if the caller's thread is gone.
            let _ = answer.send(result);
        });
        wait.recv().ok()
    }

    /// Carries a future out on the thread until it ends or is aborted.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.handle.spawn(future).abort_handle()
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed by its hook; there is nobody to tell here.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_inside_another_runtime_and_is_dropped_there() {
        let outer = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = outer.block_on(async {
            let inner = Runtime::start("k8sboot-test").unwrap();
            inner.run(async { thread::current().name().map(str::to_owned) })
        });
        assert_eq!(answer.unwrap().as_deref(), Some("k8sboot-test"));
    }

    #[test]
    fn nobody_waits_for_a_name_server() {
        use std::time::{Duration, Instant};

        let runtime = Runtime::start("k8sboot-test").unwrap();
        // As names are looked up: on a thread that cannot be stopped.
        let look_up = async { drop(tokio::task::spawn_blocking(|| thread::sleep(Duration::from_secs(3)))) };
        assert!(runtime.run(look_up).is_some());
        let began = Instant::now();
        drop(runtime);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }

    #[test]
    fn many_threads_share_it() {
        let runtime = Runtime::start("k8sboot-test").unwrap();
        thread::scope(|scope| {
            for n in 0..8 {
                let runtime = &runtime;
                scope.spawn(move || assert_eq!(runtime.run(async move { n }), Some(n)));
            }
        });
    }
}
