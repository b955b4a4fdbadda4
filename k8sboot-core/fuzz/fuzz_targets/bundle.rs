//! Join bundles: only what was sealed opens, and to what was sealed.
#![no_main]

use k8sboot_core::{
    discovery::{JoinBundle, Seal},
    entropy::Seeded,
    secret::SecretBytes,
};
use k8sboot_fuzz::now;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let key = |byte| Seal::key(&SecretBytes::new(vec![byte; 32])).expect("32 bytes");
    // The seeds are sealed to this key; what follows from one by a change opens no more.
    if let Ok(bundle) = JoinBundle::open(text, &key(7), now()) {
        assert_eq!(JoinBundle::stated_expiry(text).expect("a header"), bundle.expires());
        let sealed = bundle.seal(&key(8), &Seeded::new(b"seed")).expect("what was opened");
        let again = JoinBundle::open(&sealed, &key(8), now()).expect("what was sealed");
        assert_eq!((again.info(), again.token()), (bundle.info(), bundle.token()));
        assert!(JoinBundle::open(&sealed, &key(7), now()).is_err());
    }
    // Opening with a passphrase takes its time for every well-formed header: only reading is tried.
    let _ = JoinBundle::stated_expiry(text);
});
