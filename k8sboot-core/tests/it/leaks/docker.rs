//! The seed's case with a real Docker engine.

use std::{fs, path::Path, time::Duration};

use k8sboot_core::{
    error::Code,
    ipam::leak::{Policy, Runtimes, State, Witness},
    probe::witness::{Docker, WitnessError},
    store::{Store, Survey},
};

use super::{
    add,
    daemons::{Scratch, containerd, docker, dockerd, may_start},
    directory::Copied,
    fixtures::exhausted,
};

#[test]
fn three_live_containers_keep_their_addresses_and_the_rest_comes_back() {
    if !may_start(&["dockerd", "containerd", "docker", "runc", "busybox", "tar"]) {
        return;
    }
    let scratch = Scratch::new("docker");
    let _containerd = containerd(&scratch, None);
    let _dockerd = dockerd(&scratch);
    docker(&scratch, &["import", &scratch.image(), "k8sboot.test/busybox:1"]);
    let image = ["k8sboot.test/busybox:1", "/bin/busybox"];
    let start = |verb: &[&str], name: &str, command: &[&str]| {
        docker(&scratch, &[verb, &["--net", "none", "--name", name], &image, command].concat())
    };
    let running = start(&["run", "-d"], "k8s_POD_web_default_1_0", &["sleep", "100000"]);
    let created = start(&["create"], "k8s_POD_new_default_2_0", &["sleep", "100000"]);
    let exited = start(&["run", "-d"], "k8s_POD_old_default_3_0", &["true"]);
    docker(&scratch, &["wait", &exited]);

    let engine = Docker::new(scratch.path("d.sock"));
    let containers = engine.containers().unwrap();
    let of = |id: &str| containers.iter().find(|container| container.id == id).unwrap();
    for (id, state) in [(&running, "running"), (&created, "created"), (&exited, "exited")] {
        let container = of(id);
        assert_eq!((container.state.as_str(), container.network_mode.as_str()), (state, "none"));
        assert!(container.is_pause() && container.id.len() == 64);
    }
    let pid = of(&running).pid.unwrap();
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    assert!(Path::new(of(&running).sandbox_key.as_ref().unwrap()).exists());
    assert_eq!(of(&exited).pid, None);

    for format in ["today", "2016"] {
        let data = Copied::of(&exhausted(format), &format!("docker-{format}"));
        let line = if format == "today" { "\r\neth0" } else { "" };
        for (name, id) in [("10.244.1.9", &running), ("10.244.1.100", &created), ("10.244.1.254", &exited)] {
            data.put(name, &format!("{id}{line}"));
        }
        let store = data.store();
        let policy = Policy::default().runtimes(Runtimes::All);
        let survey = Survey::new(&store).witness(&engine).policy(policy).ranges(store.ranges().clone());
        let report = survey.plan().unwrap();
        assert_eq!(
            (report.count(State::Live), report.count(State::Leaked)),
            (3, 250),
            "{}",
            report.to_text()
        );
        assert_eq!(survey.collect().unwrap().freed.len(), 250);
        let left: Vec<String> = store.records().unwrap().into_iter().map(|record| record.name).collect();
        assert_eq!(left, ["10.244.1.9", "10.244.1.100", "10.244.1.254"], "{format}");
        assert_eq!(add(&store, "next"), "10.244.1.2", "{format}");
        let files = fs::read_dir(data.path().join("cbr0"))
            .unwrap()
            .filter(|file| file.as_ref().unwrap().file_name().to_str().unwrap().starts_with("10.244.1."));
        assert_eq!(files.count(), 4);
    }

    // A container that uses the network of another keeps that one's address.
    docker(&scratch, &["create", "--net", &format!("container:{running}"), image[0], image[1]]);
    let uses = engine.containers().unwrap();
    assert_eq!(uses.iter().filter_map(|c| c.uses_network_of()).collect::<Vec<_>>(), [running.as_str()]);
    assert!(engine.testify().failures.is_empty());
}

#[test]
fn an_engine_that_is_not_there_is_a_failure_with_a_reason() {
    let scratch = Scratch::new("nodocker");
    let missing = Docker::new(scratch.path("d.sock"));
    let error = missing.containers().unwrap_err();
    assert!(matches!(error, WitnessError::Socket { .. }), "{error}");
    assert!(error.to_string().contains("d.sock"));
    assert_eq!(missing.testify().failures[0].code, Code::WITNESS_SOCKET);

    let path = scratch.path("deaf.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let deaf = Docker::new(&path).time_limit(Duration::from_millis(300));
    assert_eq!(deaf.testify().failures[0].code, Code::WITNESS_TIMEOUT);
    drop(listener);
    assert_eq!(deaf.testify().failures[0].code, Code::WITNESS_SOCKET, "refused");
}

#[test]
fn an_engine_that_talks_nonsense_frees_nothing() {
    let scratch = Scratch::new("oddocker");
    for (name, answer, code) in [
        ("garbage", "no HTTP at all\r\n\r\n".to_owned(), Code::WITNESS_ANSWER),
        ("error", http(500, "{\"message\":\"starting\"}"), Code::WITNESS_ANSWER),
        ("short", http(200, "[{\"Id\":\"2312b4416713\"}]"), Code::WITNESS_ANSWER),
    ] {
        let path = scratch.path(name);
        serve(&path, answer);
        let testimony = Docker::new(&path).time_limit(Duration::from_secs(5)).testify();
        assert_eq!(testimony.failures.first().map(|f| f.code), Some(code), "{name}: {testimony:?}");
    }
}

fn http(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Gives every connection the same answer, for as long as the test lasts.
fn serve(path: &Path, answer: String) {
    use std::io::{Read, Write};
    let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { return };
            let mut request = [0; 4096];
            if connection.read(&mut request).is_ok_and(|read| read > 0) {
                let _ = connection.write_all(answer.as_bytes());
            }
        }
    });
}
