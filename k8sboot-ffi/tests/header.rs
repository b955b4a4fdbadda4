//! `include/k8sboot.h` is what the sources say. `K8SBOOT_BLESS=1` rewrites it.
#![cfg(all(feature = "config", feature = "crypto", feature = "rsa", feature = "host"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::{collections::BTreeSet, env, fmt::Write, fs, path::Path};

use k8sboot_core::error::Code;

fn generate() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    config.after_includes = Some(format!("\n{}\n{}", version_macros(), codes_of_the_core()));
    // In the order in which a reader meets them; the test of the symbols finds a file that is missing here.
    let files = [
        "version",
        "error",
        "text",
        "cancel",
        "event",
        "facts",
        "config",
        "token",
        "token_object",
        "pki",
        "ca",
        "kubeconfig",
        "manifest",
        "plan",
        "flow",
        "joining",
        "certs",
        "ip",
        "ipam",
        "pool",
        "store",
        "store_etcd",
        "store_repair",
        "leaks",
        "leaks_delete",
        "cni",
        "cni_run",
        "subnets",
        "cluster",
        "cluster_tokens",
        "csr",
        "discover",
        "bundle",
        "discovery_server",
    ];
    let mut builder = cbindgen::Builder::new().with_config(config);
    for file in files {
        builder = builder.with_src(root.join("src").join(file).with_extension("rs"));
    }
    let mut header = Vec::new();
    builder.generate().unwrap().write(&mut header);
    // What rustdoc calls Safety is what a C program must see to.
    String::from_utf8(header).unwrap().replace(" * # Safety\n *\n * ", " * Requires: ")
}

fn version_macros() -> String {
    let mut text = String::new();
    for (name, value) in [
        ("VERSION_MAJOR", env!("CARGO_PKG_VERSION_MAJOR")),
        ("VERSION_MINOR", env!("CARGO_PKG_VERSION_MINOR")),
        ("VERSION_PATCH", env!("CARGO_PKG_VERSION_PATCH")),
        ("ABI_VERSION", &k8sboot::ABI_VERSION.to_string()),
    ] {
        writeln!(text, "#define K8SBOOT_{name} {value}").unwrap();
    }
    text
}

fn codes_of_the_core() -> String {
    let mut text = String::from("/* Codes of the families; the codes of the boundary follow below. */\n");
    let mut codes: Vec<Code> = Code::all().collect();
    codes.sort_by_key(|code| code.number());
    for code in codes {
        writeln!(text, "#define K8SBOOT_E_{} {}", code.name(), code.number()).unwrap();
    }
    text
}

#[test]
fn the_header_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../include/k8sboot.h");
    let fresh = generate();
    if env::var_os("K8SBOOT_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &fresh).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let first = fresh.lines().zip(found.lines()).position(|(a, b)| a != b);
    assert!(
        fresh == found,
        "include/k8sboot.h is stale, first at line {:?}: run K8SBOOT_BLESS=1 cargo test -p k8sboot-ffi --test header",
        first.map_or_else(|| fresh.lines().count().min(found.lines().count()) + 1, |line| line + 1),
    );
}

#[test]
fn header_symbol_list_and_library_name_the_same_functions() {
    let stage = support::stage("");
    let nm = support::output("nm", &["-D", "--defined-only", "--format=posix", &stage.lib("libk8sboot.so")]);
    let exported: BTreeSet<&str> = nm.lines().filter_map(|line| line.split(' ').next()).collect();

    let listed = exported.iter().fold(String::new(), |list, name| list + name + "\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("symbols.txt");
    if env::var_os("K8SBOOT_BLESS").is_some() {
        fs::write(&path, &listed).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap_or_default(),
        listed,
        "symbols.txt (K8SBOOT_BLESS=1 rewrites it)"
    );

    let header = generate();
    let declared: BTreeSet<&str> = header
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '('))
        .filter_map(|word| word.split_once('('))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("k8sboot_"))
        .collect();
    assert_eq!(declared, exported);
}

#[test]
fn the_library_has_its_soname_and_stays_loaded() {
    let stage = support::stage("");
    let dynamic = support::output("readelf", &["-d", &stage.lib("libk8sboot.so")]);
    let abi = match env!("CARGO_PKG_VERSION_MAJOR") {
        "0" => concat!("0.", env!("CARGO_PKG_VERSION_MINOR")),
        major => major,
    };
    assert!(dynamic.contains(&format!("Library soname: [libk8sboot.so.{abi}]")), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
    assert!(Path::new(&stage.lib(&format!("libk8sboot.so.{abi}"))).exists());
}
