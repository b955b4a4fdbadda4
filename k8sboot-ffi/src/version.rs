//! Versions of the library and of its ABI.

use std::ffi::{CStr, c_char};

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

/// The version of the ABI: 1000 × major + minor before 1.0, 1000 × major after, as the SONAME.
pub const ABI_VERSION: u32 =
    match (number(env!("CARGO_PKG_VERSION_MAJOR")), number(env!("CARGO_PKG_VERSION_MINOR"))) {
        (0, minor) => minor,
        (major, _) => major * 1000,
    };

/// The version of the library that runs, for example `0.1.0`. Lives as long as the library.
#[unsafe(no_mangle)]
pub extern "C" fn k8sboot_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The version of the ABI of the library that runs. Compare it with `K8SBOOT_ABI_VERSION` of the header.
#[unsafe(no_mangle)]
pub extern "C" fn k8sboot_abi_version() -> u32 {
    ABI_VERSION
}

const fn number(text: &str) -> u32 {
    match u32::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_the_version_of_the_package() {
        assert_eq!(VERSION.to_str(), Ok(env!("CARGO_PKG_VERSION")));
        assert_ne!(ABI_VERSION, 0);
    }
}
