//! Stored results: what is printed is read back; a name is told only where that is certain.
#![no_main]

use k8sboot_core::cni::{CacheEntry, CacheForm, ErrorObject, Layout, cache_file_name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8])| {
    let (name, bytes) = input;
    if let Ok(entry) = CacheEntry::parse(bytes, name) {
        assert!(entry.result().is_ok() || entry.addresses().is_empty());
        assert!(entry.cni_args().pairs().len() <= entry.args.len());
        match entry.form {
            CacheForm::V1 => {
                let again =
                    CacheEntry::parse(entry.render().as_bytes(), "").expect("what was printed is read");
                assert_eq!(again.render(), entry.render());
                assert_eq!((again.network, again.config), (entry.network, entry.config));
            }
            CacheForm::Bare if !entry.container.is_empty() => {
                assert_eq!(format!("{}-{}-{}", entry.network, entry.container, entry.interface), name);
                if let Ok(made) = cache_file_name(&entry.network, &entry.container, &entry.interface) {
                    assert_eq!(made, name);
                }
            }
            CacheForm::Bare => {}
        }
    }
    if let Ok(error) = ErrorObject::parse(bytes) {
        assert_eq!(ErrorObject::parse(error.render(Layout::Indented).as_bytes()), Ok(error));
    }
});
