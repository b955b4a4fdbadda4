//! How a directory store is opened.

use std::{fmt, io, sync::Arc, time::Duration};

use super::durable::Durability;
use crate::store::{StoreHook, StoreOp};

/// What becomes of a record that was certainly there before this boot of the machine: its container is dead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EarlierBoot {
    /// It stays until somebody frees it, as with host-local.
    #[default]
    Keep,
    /// Its owner gets the address again when it asks, instead of being told that it has one; anybody gets it when no
    /// other address of the range set is free.
    Reclaim,
}

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
    /// See [`Durability`]. Default: [`Durability::Process`].
    pub durability: Durability,
    /// The store stays open for many calls: it keeps its index in memory, is told what others change and, from the first
    /// allocation on, has a thread that makes files before they are needed (up to 64 descriptors; it ends with the store).
    /// Default: false, for a program that makes one call and ends.
    pub resident: bool,
    /// Keep an index in `.k8sboot` in the directory, so that a call costs the same however many records there are.
    /// Default: true.
    pub index: bool,
    /// See [`EarlierBoot`]. Where there is a journal (see [`Durability`]) they are kept always. Default:
    /// [`EarlierBoot::Keep`].
    pub earlier_boot: EarlierBoot,
    /// The identity of this boot of the machine. Default: `/proc/sys/kernel/random/boot_id`.
    pub boot_id: Option<String>,
    /// Tells the time since the boot. Default: the kernel's `CLOCK_BOOTTIME`.
    pub clock: Option<Arc<dyn Fn() -> Duration + Send + Sync>>,
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
            resident: false,
            index: true,
            earlier_boot: EarlierBoot::Keep,
            boot_id: None,
            clock: None,
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

    /// Sets [`resident`](Self::resident).
    #[must_use]
    pub fn resident(mut self, resident: bool) -> Self {
        self.resident = resident;
        self
    }

    /// Sets [`index`](Self::index).
    #[must_use]
    pub fn index(mut self, index: bool) -> Self {
        self.index = index;
        self
    }

    /// Sets [`earlier_boot`](Self::earlier_boot).
    #[must_use]
    pub fn earlier_boot(mut self, earlier: EarlierBoot) -> Self {
        self.earlier_boot = earlier;
        self
    }

    /// Sets [`boot_id`](Self::boot_id).
    #[must_use]
    pub fn boot_id(mut self, id: impl Into<String>) -> Self {
        self.boot_id = Some(id.into());
        self
    }

    /// Sets [`clock`](Self::clock).
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
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
            .field("resident", &self.resident)
            .field("index", &self.index)
            .field("earlier_boot", &self.earlier_boot)
            .field("boot_id", &self.boot_id)
            .field("clock", &self.clock.is_some())
            .field("hook", &self.hook.is_some())
            .finish()
    }
}
