//! Which boot of the machine this is, and how long it lasts.

use std::{fmt, sync::Arc, time::Duration};

use rustix::fs::{Mode, OFlags};

use super::{hash::Hash, options::DirectoryOptions};

/// The kernel's name of this boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Tells the time since the boot.
pub(super) type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// This boot.
#[derive(Clone)]
pub(super) struct ThisBoot {
    /// Its identity as a hash; `None` if the kernel does not tell.
    pub(super) id: Option<u64>,
    clock: Option<Clock>,
}

impl ThisBoot {
    /// What the options say, or else the kernel.
    pub(super) fn find(options: &DirectoryOptions) -> Self {
        let id = text(options).map(|text| {
            let mut hash = Hash::new();
            hash.bytes(text.as_bytes());
            hash.finish().max(1)
        });
        Self { id, clock: options.clock.clone() }
    }

    /// The time since the boot, sleep included.
    pub(super) fn elapsed(&self) -> Duration {
        match &self.clock {
            Some(clock) => clock(),
            None => {
                let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                Duration::try_from(now).unwrap_or_default()
            }
        }
    }

    pub(super) fn seconds(&self) -> u32 {
        u32::try_from(self.elapsed().as_secs()).unwrap_or(u32::MAX)
    }
}

/// The identity of this boot as text; `None` if the kernel does not tell.
pub(super) fn text(options: &DirectoryOptions) -> Option<String> {
    let text = options.boot_id.clone().or_else(read)?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Asks the kernel, in as few calls as it takes.
fn read() -> Option<String> {
    let fd = rustix::fs::open(BOOT_ID, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut buffer = [0_u8; 64];
    let length = rustix::io::read(&fd, &mut buffer).ok()?;
    String::from_utf8(buffer.get(..length)?.to_vec()).ok()
}

impl fmt::Debug for ThisBoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThisBoot").field("id", &self.id).finish_non_exhaustive()
    }
}
