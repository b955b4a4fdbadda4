//! Link arguments of the shared library: its SONAME and `nodelete`.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    // The Rust runtime registers thread-local destructors that must not be unmapped under a running thread.
    println!("cargo::rustc-link-arg-cdylib=-Wl,-z,nodelete");
    // cargo-c sets the same SONAME by itself, and two are an error.
    if env::var_os("CARGO_FEATURE_CAPI").is_none() {
        let part = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}")).unwrap_or_default();
        let abi = match part("MAJOR").as_str() {
            "0" => format!("0.{}", part("MINOR")),
            major => major.to_owned(),
        };
        println!("cargo::rustc-link-arg-cdylib=-Wl,-soname,libk8sboot.so.{abi}");
    }
}
