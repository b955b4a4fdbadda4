//! The C programs of `tests/c`, compiled as strictly as C allows, linked both ways, under the memory checkers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use support::{Scratch, Stage, has, root, run, stage};

const C: [&str; 5] = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-g"];

#[derive(Clone, Copy)]
enum Link {
    Shared,
    Static,
}

fn source(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(file)
}

fn compile(stage: &Stage, compiler: &str, flags: &[&str], link: Link, source: &Path, name: &str) -> PathBuf {
    let program = stage.prefix.join(name);
    let mut command = Command::new(compiler);
    command.args(C).args(flags).arg("-I").arg(stage.include()).arg(source).arg("-o").arg(&program);
    match link {
        Link::Shared => {
            command
                .arg("-L")
                .arg(stage.lib(""))
                .arg("-lk8sboot")
                .arg(format!("-Wl,-rpath,{}", stage.lib("")));
        }
        Link::Static => {
            let pc = std::fs::read_to_string(root().join("k8sboot-ffi/k8sboot.pc.in")).unwrap();
            let private = pc.lines().find_map(|line| line.strip_prefix("Libs.private: ")).unwrap();
            command.arg(stage.lib("libk8sboot.a")).args(private.split(' '));
        }
    }
    run(&mut command);
    program
}

/// The C programs that work with a library as it is shipped, and those that need the feature `testing` or everything.
fn programs() -> [(Stage, &'static [&'static str]); 2] {
    let shipped =
        &["basics.c", "ipam.c", "leaks.c", "cni.c", "token.c", "config.c", "pki.c", "manifest.c", "flow.c"];
    [(stage(""), shipped), (stage("testing,full"), &["bugs.c", "cluster.c"])]
}

#[test]
fn c_programs_run_with_the_shared_and_the_static_library() {
    for (stage, files) in programs() {
        for file in files {
            for (link, name) in [(Link::Shared, "shared"), (Link::Static, "static")] {
                let name = format!("{file}.{name}");
                let program = compile(&stage, "cc", &["-std=c11"], link, &source(file), &name);
                run(Command::new(program).arg(Scratch::new(&name).path()));
            }
        }
    }
}

#[test]
fn the_header_is_clean_in_every_c_standard_since_c99() {
    let stage = stage("");
    for standard in ["c99", "c11", "c17", "c2x"] {
        let standard = format!("-std={standard}");
        run(Command::new("cc")
            .args(C)
            .args([&standard, "-fsyntax-only", "-x", "c"])
            .arg(stage.prefix.join("include/k8sboot.h")));
    }
}

#[test]
fn a_cpp_program_runs_in_every_standard_since_cpp11() {
    if !has("g++") {
        return;
    }
    let stage = stage("");
    for standard in ["c++11", "c++17", "c++20"] {
        let flag = format!("-std={standard}");
        let program = compile(&stage, "g++", &[&flag], Link::Shared, &source("header.cpp"), standard);
        run(&mut Command::new(program));
    }
}

#[test]
fn the_example_of_init_makes_a_node_and_says_how_to_join() {
    let stage = stage("");
    let example = root().join("examples/c/init.c");
    let program = compile(&stage, "cc", &["-std=c11"], Link::Shared, &example, "example-init");
    let scratch = Scratch::new("example-init");
    let node = scratch.path().join("node");
    let init =
        || Command::new(&program).arg(root().join("examples/seed-cluster.yaml")).arg(&node).output().unwrap();
    let first = init();
    let (out, err) = (String::from_utf8_lossy(&first.stdout), String::from_utf8_lossy(&first.stderr));
    assert!(first.status.success() && out.contains("kubeadm join "), "{out}{err}");
    assert!(err.contains("control-plane: "), "{err}");
    assert!(node.join("etc/kubernetes/manifests/kube-apiserver.yaml").is_file());
    assert!(String::from_utf8_lossy(&init().stdout).contains("\"changed\":0,"));
    let wrong = Command::new(&program).arg("/nonexistent").arg(&node).output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
}

#[test]
fn the_readme_shows_c_that_works() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let snippet = readme.split("```c\n").nth(1).unwrap().split("```").next().unwrap();
    let cluster = std::fs::read_to_string(root().join("examples/seed-cluster.yaml")).unwrap();
    let yaml: String = cluster.lines().map(|line| format!("    {:?}\n", format!("{line}\n"))).collect();
    let program = format!(
        "#include <k8sboot.h>\n#include <stdio.h>\n\nint main(void)\n{{\nstatic const char yaml[] =\n{yaml};\n{snippet}\n\
         k8sboot_flow_free(flow);\nk8sboot_buf_free(facts);\nk8sboot_buf_free(report);\nreturn err != NULL;\n}}\n"
    );
    let (stage, scratch) = (stage(""), Scratch::new("readme"));
    let source = scratch.path().join("readme.c");
    std::fs::write(&source, program).unwrap();
    let program = compile(&stage, "cc", &["-std=c11"], Link::Shared, &source, "readme");
    assert!(run(Command::new(program).current_dir(scratch.path())).contains("\"changed\":26,"));
    assert!(scratch.path().join("demo-node/etc/kubernetes/admin.conf").is_file());
}

#[test]
fn the_readme_shows_how_c_gets_an_address() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let snippet = readme.split("```c\n").nth(2).unwrap().split("```").next().unwrap();
    let program = format!(
        "#include <k8sboot.h>\n#include <stdio.h>\n\nint main(void)\n{{\nk8sboot_error_t *err = NULL;\n{snippet}\n\
         return err != NULL;\n}}\n"
    );
    let (stage, scratch) = (stage(""), Scratch::new("readme-ipam"));
    let source = scratch.path().join("ipam.c");
    std::fs::write(&source, program).unwrap();
    let program = compile(&stage, "cc", &["-std=c11"], Link::Shared, &source, "readme-ipam");
    assert_eq!(run(Command::new(program).current_dir(scratch.path())), "10.244.1.2\n");
    assert!(scratch.path().join("networks/cbr0").is_dir());
}

#[test]
fn the_example_of_addresses_gives_some_and_judges_them() {
    let stage = stage("");
    let example = root().join("examples/c/ipam.c");
    let program = compile(&stage, "cc", &["-std=c11"], Link::Shared, &example, "example-ipam");
    let scratch = Scratch::new("example-ipam");
    let networks = scratch.path().join("networks").display().to_string();
    for _ in 0..2 {
        let out = run(Command::new(&program).args([&networks, "cbr0", "3f2a", "eth0"]));
        assert!(out.starts_with("10.244.1.2/24 gateway 10.244.1.1\nfd00:10:244:1::2/64 "), "{out}");
        assert!(out.contains("2 live"), "{out}");
    }
    let wrong = Command::new(&program).args([&networks, "cbr0", "3f2a", "e:0"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("interface name"));
}

#[test]
fn the_example_says_what_it_is_for() {
    let stage = stage("");
    let example = root().join("examples/c/token.c");
    let program = compile(&stage, "cc", &["-std=c11"], Link::Shared, &example, "example");
    assert!(run(Command::new(&program).arg("abcdef.0123456789abcdef")).contains("abcdef"));
    let wrong = Command::new(&program).arg("abcdef").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("token"));
}

#[test]
fn address_sanitizer_finds_nothing_but_the_planted_leak() {
    let asan = ["-std=c11", "-fsanitize=address", "-fno-omit-frame-pointer"];
    let check = |program: &Path| -> Output {
        let dynamic = support::output("readelf", &["-d", &program.display().to_string()]);
        assert!(dynamic.contains("libasan"), "AddressSanitizer is not linked: {dynamic}");
        let scratch = Scratch::new("asan");
        let mut command = Command::new(program);
        command.arg(scratch.path()).env("ASAN_OPTIONS", "detect_leaks=1:exitcode=77").output().unwrap()
    };
    let planted = compile(&stage(""), "cc", &asan, Link::Shared, &source("leak.c"), "leak.asan");
    let output = check(&planted);
    let report = String::from_utf8_lossy(&output.stderr);
    if report.contains("LeakSanitizer has encountered a fatal error") {
        support::skip("LeakSanitizer cannot run under this tracer");
        return;
    }
    assert_eq!(output.status.code(), Some(77), "the planted leak was not found: {report}");
    for (stage, files) in programs() {
        for file in files {
            let program = compile(&stage, "cc", &asan, Link::Shared, &source(file), &format!("{file}.asan"));
            let output = check(&program);
            assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn valgrind_finds_nothing_but_the_planted_leak() {
    if !has("valgrind") {
        return;
    }
    let check = |program: &Path| -> Output {
        Command::new("valgrind")
            .args(["--quiet", "--leak-check=full", "--errors-for-leak-kinds=definite", "--error-exitcode=77"])
            .arg(program)
            .arg(Scratch::new("valgrind").path())
            .output()
            .unwrap()
    };
    let planted = compile(&stage(""), "cc", &["-std=c11"], Link::Shared, &source("leak.c"), "leak.valgrind");
    assert_eq!(check(&planted).status.code(), Some(77), "the planted leak was not found");
    for (stage, files) in programs() {
        for file in files {
            let name = format!("{file}.valgrind");
            let program = compile(&stage, "cc", &["-std=c11"], Link::Shared, &source(file), &name);
            let output = check(&program);
            assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn pkg_config_describes_what_is_installed() {
    if !has("pkg-config") {
        return;
    }
    let stage = stage("");
    let pkg_config = |flags: &[&str]| {
        run(Command::new("pkg-config")
            .args(flags)
            .arg("k8sboot")
            .env("PKG_CONFIG_PATH", stage.prefix.join("lib/pkgconfig")))
        .trim()
        .to_owned()
    };
    assert_eq!(pkg_config(&["--modversion"]), env!("CARGO_PKG_VERSION"));
    assert_eq!(pkg_config(&["--cflags"]), format!("-I{}", stage.include()));
    let libs = format!("-L{} -lk8sboot", stage.prefix.join("lib").display());
    assert_eq!(pkg_config(&["--libs"]), libs);
    let with_private = pkg_config(&["--libs", "--static"]);
    let listed: BTreeSet<&str> = with_private.strip_prefix(&libs).unwrap().split_whitespace().collect();
    assert_eq!(listed, support::native_static_libs().split_whitespace().collect());
}
