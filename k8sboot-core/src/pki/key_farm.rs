//! Many keys at once, on several threads.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    panic,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use crate::pki::{KeyAlgorithm, KeyPair, KeySource, PkiError};

/// Makes all `wanted` keys (purpose and algorithm) with up to `threads` threads, the caller's being one of them.
///
/// The keys come back in the order of `wanted`. With a source that depends on the purpose alone they are the same
/// whatever the number of threads. No thread outlives the call; where threads cannot be started the caller's does it all.
///
/// # Errors
///
/// The error of the first key, in the order of `wanted`, that was tried and could not be made; the others are given up.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::pki::{KeyAlgorithm, RandomKeys, generate_all};
/// # use k8sboot_core::entropy::System;
/// # use std::num::NonZeroUsize;
/// let wanted = [("ca", KeyAlgorithm::EcdsaP256), ("sa", KeyAlgorithm::EcdsaP384)];
/// let keys = generate_all(&RandomKeys::new(&System), &wanted, NonZeroUsize::MIN.saturating_add(1))?;
/// assert_eq!(keys[1].algorithm(), Some(KeyAlgorithm::EcdsaP384));
/// # Ok::<(), k8sboot_core::pki::PkiError>(())
/// ```
pub fn generate_all(
    source: &dyn KeySource,
    wanted: &[(&str, KeyAlgorithm)],
    threads: NonZeroUsize,
) -> Result<Vec<KeyPair>, PkiError> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let work = || {
        let mut made = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((purpose, algorithm)) = wanted.get(index) else { break };
            let key = source.generate(*algorithm, purpose);
            failed.fetch_or(key.is_err(), Ordering::Relaxed);
            made.push((index, key));
        }
        made
    };
    let mut made = thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads.get().min(wanted.len()))
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let mut made = work();
        for helper in helpers {
            made.extend(helper.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
        }
        made
    });
    made.sort_by_key(|(index, _)| *index);
    made.into_iter().map(|(_, key)| key).collect()
}

/// Keys made ahead of their use, for code that asks one by one.
///
/// Each key is handed out once; what was not made ahead is asked from the source.
pub struct KeyFarm<'a> {
    source: &'a dyn KeySource,
    ready: Mutex<BTreeMap<(String, KeyAlgorithm), KeyPair>>,
}

impl<'a> KeyFarm<'a> {
    /// Makes all `wanted` keys as [`generate_all`] does.
    ///
    /// # Errors
    ///
    /// As [`generate_all`].
    pub fn grow(
        source: &'a dyn KeySource,
        wanted: &[(&str, KeyAlgorithm)],
        threads: NonZeroUsize,
    ) -> Result<Self, PkiError> {
        let keys = generate_all(source, wanted, threads)?;
        let names = wanted.iter().map(|(purpose, algorithm)| ((*purpose).to_owned(), *algorithm));
        Ok(Self { source, ready: Mutex::new(names.zip(keys).collect()) })
    }
}

impl KeySource for KeyFarm<'_> {
    fn generate(&self, algorithm: KeyAlgorithm, purpose: &str) -> Result<KeyPair, PkiError> {
        let ready = self
            .ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(purpose.to_owned(), algorithm));
        ready.map_or_else(|| self.source.generate(algorithm, purpose), Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        entropy::Seeded,
        pki::{FixedKeys, RandomKeys, Signer},
    };

    const WANTED: [(&str, KeyAlgorithm); 4] = [
        ("a", KeyAlgorithm::Ed25519),
        ("b", KeyAlgorithm::EcdsaP256),
        ("c", KeyAlgorithm::Ed25519),
        ("d", KeyAlgorithm::EcdsaP384),
    ];

    #[test]
    fn keys_come_in_the_order_asked_for_whatever_the_threads() {
        let entropy = Seeded::new(b"farm");
        let source = RandomKeys::new(&entropy);
        for threads in [1, 2, 3, 9] {
            let keys = generate_all(&source, &WANTED, NonZeroUsize::new(threads).unwrap()).unwrap();
            let algorithms: Vec<_> = keys.iter().map(|key| key.algorithm().unwrap()).collect();
            assert_eq!(algorithms, WANTED.map(|(_, algorithm)| algorithm));
            let alone = source.generate(KeyAlgorithm::Ed25519, "c").unwrap();
            assert_eq!(keys[2].public_key(), alone.public_key());
        }
        assert!(generate_all(&source, &[], NonZeroUsize::MIN).unwrap().is_empty());
    }

    #[test]
    fn the_first_failure_ends_it() {
        let error = generate_all(&FixedKeys::new(), &WANTED, NonZeroUsize::MIN).unwrap_err();
        assert_eq!(error.to_string(), "pki: key for a: expected Ed25519, found none");
    }

    #[test]
    fn a_farm_hands_each_key_out_once() {
        let entropy = Seeded::new(b"farm");
        let source = RandomKeys::new(&entropy);
        let farm = KeyFarm::grow(&source, &WANTED, NonZeroUsize::MIN).unwrap();
        let first = farm.generate(KeyAlgorithm::EcdsaP256, "b").unwrap();
        let second = farm.generate(KeyAlgorithm::EcdsaP256, "b").unwrap();
        assert_ne!(first.public_key(), second.public_key());
        assert!(farm.generate(KeyAlgorithm::Ed25519, "not made ahead").is_ok());
    }
}
