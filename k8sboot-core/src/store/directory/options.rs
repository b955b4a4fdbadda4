//! How a directory store is opened.

use std::{fmt, io, sync::Arc, time::Duration};

use crate::store::{StoreHook, StoreOp};

/// How a directory store is opened.
#[derive(Clone)]
#[non_exhaustive]
pub struct DirectoryOptions {
    /// Make the directory if it is missing, as host-local does for every verb. Default: true.
    pub create: bool,
    /// Follow a symbolic link in the place of the network's directory (the data directory may always be one). Default:
    /// false.
    pub follow_link: bool,
    /// How long to wait for somebody else's lock. Default: 30 s.
    pub lock_timeout: Duration,
    /// Asked before and told after every operation. Default: none.
    pub hook: Option<Arc<dyn StoreHook>>,
}

impl Default for DirectoryOptions {
    fn default() -> Self {
        Self { create: true, follow_link: false, lock_timeout: Duration::from_secs(30), hook: None }
    }
}

impl DirectoryOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`create`](Self::create).
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets [`follow_link`](Self::follow_link).
    #[must_use]
    pub fn follow_link(mut self, follow: bool) -> Self {
        self.follow_link = follow;
        self
    }

    /// Sets [`lock_timeout`](Self::lock_timeout).
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Sets [`hook`](Self::hook).
    #[must_use]
    pub fn hook(mut self, hook: Arc<dyn StoreHook>) -> Self {
        self.hook = Some(hook);
        self
    }

    pub(super) fn before(&self, op: StoreOp, name: &str) -> io::Result<()> {
        self.hook.as_ref().map_or(Ok(()), |hook| hook.before(op, name))
    }

    pub(super) fn after(&self, op: StoreOp, name: &str) {
        if let Some(hook) = &self.hook {
            hook.after(op, name);
        }
    }
}

impl fmt::Debug for DirectoryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectoryOptions")
            .field("create", &self.create)
            .field("follow_link", &self.follow_link)
            .field("lock_timeout", &self.lock_timeout)
            .field("hook", &self.hook.is_some())
            .finish()
    }
}
