//! How a directory store is opened.

use std::{fmt, io, sync::Arc, time::Duration};

use super::durable::Durability;
use crate::store::{StoreHook, StoreOp};

/// How a directory store is opened.
#[derive(Clone)]
#[non_exhaustive]
pub struct DirectoryOptions {
    /// Make the directory and the lock file if they are missing, as host-local does for every verb. Default: true.
    pub create: bool,
    /// Follow a symbolic link in the place of the network's directory (the data directory may always be one). Default:
    /// false.
    pub follow_link: bool,
    /// How long to wait for somebody else's lock. Default: 30 s.
    pub lock_timeout: Duration,
    /// What an acknowledged operation outlives. Default: the end of the process.
    pub durability: Durability,
    /// The identity of this boot of the machine. Default: the kernel's.
    pub boot: Option<String>,
    /// Asked before and told after every operation. Default: none.
    pub hook: Option<Arc<dyn StoreHook>>,
}

impl Default for DirectoryOptions {
    fn default() -> Self {
        Self {
            create: true,
            follow_link: false,
            lock_timeout: Duration::from_secs(30),
            durability: Durability::Process,
            boot: None,
            hook: None,
        }
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

    /// Sets [`durability`](Self::durability).
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets [`boot`](Self::boot).
    #[must_use]
    pub fn boot(mut self, boot: impl Into<String>) -> Self {
        self.boot = Some(boot.into());
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
            .field("durability", &self.durability)
            .field("boot", &self.boot)
            .field("hook", &self.hook.is_some())
            .finish()
    }
}
