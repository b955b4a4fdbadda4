//! Results of ADD and the JSON under them: what is printed is read back, converting is stable, serde_json agrees.
#![no_main]

use k8sboot_core::cni::{CniResult, Json, Layout, Version};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let json = Json::parse(bytes);
    if let Ok(json) = &json {
        for layout in [Layout::Compact, Layout::Indented] {
            assert_eq!(Json::parse(json.render(layout).as_bytes()).as_ref(), Ok(json));
        }
    }
    // It takes texts that Go takes too, and refuses numbers that do not fit.
    match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(_) => assert!(json.is_ok(), "{json:?}"),
        Err(error) if error.is_eof() => assert!(json.is_err(), "{json:?}"),
        Err(_) => {}
    }
    for configured in [Version::V0_2_0, Version::V1_1_0] {
        let Ok(result) = CniResult::parse(bytes, configured) else { continue };
        for to in Version::ALL {
            let Ok(there) = result.converted(to) else {
                assert!(result.ips.is_empty() && to < Version::V0_3_0);
                continue;
            };
            let printed = there.render(Layout::Compact);
            let read = CniResult::parse(printed.as_bytes(), to).expect("what was printed is read");
            assert_eq!(read.render(Layout::Compact), printed);
            assert_eq!(read.converted(to).as_ref(), Ok(&read));
        }
    }
});
