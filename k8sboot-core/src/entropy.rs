//! Randomness as a parameter: the operating system's in production, a seeded one in tests.

/// The source of randomness failed.
#[derive(Debug, thiserror::Error)]
#[error("draw {wanted} random bytes: the source of randomness failed")]
#[non_exhaustive]
pub struct EntropyError {
    /// How many bytes were asked for.
    pub wanted: usize,
}

/// A source of random bytes.
///
/// Every use names what the bytes are for (`"pki/apiserver.key"`). A source of the operating system ignores the
/// purpose; a seeded source derives an independent stream per purpose, so that the same seed gives the same bytes
/// whatever the order and the number of threads.
pub trait Entropy: Send + Sync {
    /// Opens the stream of random bytes for `purpose`.
    fn stream<'a>(&'a self, purpose: &str) -> Box<dyn Stream + 'a>;
}

/// One stream of random bytes; see [`Entropy::stream`].
pub trait Stream {
    /// Fills `out` with random bytes.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when the source fails; `out` is then unspecified and must not be used.
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError>;
}

#[cfg(feature = "crypto")]
pub use with_ring::{Seeded, System};

#[cfg(feature = "crypto")]
mod with_ring {
    use ring::{hmac, rand::SecureRandom};

    use super::{Entropy, EntropyError, Stream};

    /// The operating system's randomness (`getrandom`).
    #[derive(Clone, Copy, Debug, Default)]
    pub struct System;

    impl Entropy for System {
        fn stream<'a>(&'a self, _purpose: &str) -> Box<dyn Stream + 'a> {
            Box::new(SystemStream(ring::rand::SystemRandom::new()))
        }
    }

    struct SystemStream(ring::rand::SystemRandom);

    impl Stream for SystemStream {
        fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
            self.0.fill(out).map_err(|_| EntropyError { wanted: out.len() })
        }
    }

    /// Reproducible randomness: HMAC-SHA-256 of the seed over purpose and counter.
    ///
    /// For tests and reproducible images. Whoever knows the seed knows every key made from it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use k8sboot_core::entropy::{Entropy, Seeded, Stream};
    /// let (mut a, mut b) = ([0; 8], [0; 8]);
    /// Seeded::new(b"seed").stream("x").fill(&mut a)?;
    /// Seeded::new(b"seed").stream("x").fill(&mut b)?;
    /// assert_eq!(a, b);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone)]
    pub struct Seeded(hmac::Key);

    impl Seeded {
        /// A source that depends on nothing but `seed`.
        #[must_use]
        pub fn new(seed: &[u8]) -> Self {
            Self(hmac::Key::new(hmac::HMAC_SHA256, seed))
        }
    }

    impl std::fmt::Debug for Seeded {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Seeded(<redacted>)")
        }
    }

    impl Entropy for Seeded {
        fn stream<'a>(&'a self, purpose: &str) -> Box<dyn Stream + 'a> {
            let own = hmac::sign(&self.0, purpose.as_bytes());
            Box::new(SeededStream { key: hmac::Key::new(hmac::HMAC_SHA256, own.as_ref()), counter: 0 })
        }
    }

    struct SeededStream {
        key: hmac::Key,
        counter: u64,
    }

    impl Stream for SeededStream {
        fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
            for chunk in out.chunks_mut(ring::digest::SHA256_OUTPUT_LEN) {
                let block = hmac::sign(&self.key, &self.counter.to_be_bytes());
                self.counter = self.counter.wrapping_add(1);
                for (to, from) in chunk.iter_mut().zip(block.as_ref()) {
                    *to = *from;
                }
            }
            Ok(())
        }
    }
}
