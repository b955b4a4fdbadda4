//! Which boot of the machine this is.

use std::{fs, path::Path, time::Duration};

use super::witness::WitnessError;

/// Which boot of the machine this is, and how long it has lasted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BootIdentity {
    /// The kernel's identity of this boot. In a container it is the host's.
    pub id: String,
    /// How long ago the machine booted, time asleep included.
    pub uptime: Duration,
}

/// Reads `/proc/sys/kernel/random/boot_id` and `/proc/uptime`.
///
/// Only the identity proves that something is from an earlier boot: comparing file times with the uptime goes wrong
/// when the clock is set after the boot.
///
/// # Errors
///
/// [`WitnessError::File`] if one cannot be read or is not what the kernel writes.
///
/// # Examples
///
/// ```
/// let boot = k8sboot_core::probe::boot_identity()?;
/// assert_eq!(boot.id.len(), 36);
/// # Ok::<(), k8sboot_core::probe::witness::WitnessError>(())
/// ```
pub fn boot_identity() -> Result<BootIdentity, WitnessError> {
    read(Path::new("/proc"))
}

fn read(proc: &Path) -> Result<BootIdentity, WitnessError> {
    let text = |path: &Path| {
        fs::read_to_string(path).map_err(|source| WitnessError::File { path: path.to_owned(), source })
    };
    let wrong = |path: &Path, expected: &str| WitnessError::File {
        path: path.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, format!("expected {expected}")),
    };
    let id_path = proc.join("sys/kernel/random/boot_id");
    let id = text(&id_path)?.trim().to_owned();
    if id.len() != 36 || !id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
        return Err(wrong(&id_path, "a UUID"));
    }
    let uptime_path = proc.join("uptime");
    let uptime = text(&uptime_path)?;
    let seconds = uptime.split_whitespace().next().and_then(|first| first.parse().ok());
    let uptime = seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| wrong(&uptime_path, "seconds"))?;
    Ok(BootIdentity { id, uptime })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_the_kernel_does_not_write() {
        let root = std::env::temp_dir().join(format!("k8sboot-boot-{}", std::process::id()));
        fs::create_dir_all(root.join("sys/kernel/random")).unwrap();
        let id = root.join("sys/kernel/random/boot_id");
        fs::write(&id, "no uuid\n").unwrap();
        fs::write(root.join("uptime"), "12.5 3.0\n").unwrap();
        assert!(read(&root).unwrap_err().to_string().contains("boot_id"));
        fs::write(&id, "0f8c2a44-7a3c-4c8e-9f4e-3f1f6f0f2b11\n").unwrap();
        assert_eq!(read(&root).unwrap().uptime, Duration::from_millis(12_500));
        fs::write(root.join("uptime"), "soon\n").unwrap();
        assert!(read(&root).unwrap_err().to_string().contains("uptime"));
        fs::remove_dir_all(root).unwrap();
    }
}
