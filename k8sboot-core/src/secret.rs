//! Values that must not be printed: wiped on drop, redacted in `Debug`.

use std::fmt;

use zeroize::Zeroizing;

/// Secret bytes (private key PEM, certificate key, token secret).
///
/// `Debug` shows only the length, there is no `Display` and no `Serialize`, and the memory is wiped on drop.
/// [`expose`](Self::expose) is the only way out, so that every use can be found by searching for it.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::secret::SecretBytes;
/// let secret = SecretBytes::from("hunter2".to_owned());
/// assert_eq!(format!("{secret:?}"), "SecretBytes(<redacted, 7 bytes>)");
/// assert_eq!(secret.expose(), b"hunter2");
/// ```
#[derive(Clone)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes the bytes over; the caller's copy is gone.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves. Do not log them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, if they are UTF-8. Do not log it.
    #[must_use]
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for SecretBytes {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes(<redacted, {} bytes>)", self.0.len())
    }
}
