//! Sandboxes of a real containerd, and the protocol against runtimes that are not here.

use std::{path::Path, time::Duration};

use k8sboot_core::{
    error::Code,
    ipam::{
        Boot,
        leak::{Policy, State, Witness},
    },
    probe::witness::{Containerd, Cri, CriProtocol, Namespaces, WitnessError},
    store::{DirectoryOptions, DirectoryStore, Store, Survey},
};
use prost::Message;
use tonic::{Request, client::Grpc, transport::Endpoint};
use tonic_prost::ProstCodec;

use super::daemons::{Scratch, containerd, docker, dockerd, may_start, run};

/// What a test needs of the protocol beyond what a witness does.
#[derive(Clone, PartialEq, Message)]
struct RunPodSandbox {
    #[prost(message, optional, tag = "1")]
    config: Option<PodConfig>,
}

#[derive(Clone, PartialEq, Message)]
struct PodConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
    #[prost(string, tag = "2")]
    hostname: String,
    #[prost(message, optional, tag = "8")]
    linux: Option<Linux>,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    uid: String,
    #[prost(string, tag = "3")]
    namespace: String,
}

#[derive(Clone, PartialEq, Message)]
struct Linux {
    #[prost(message, optional, tag = "2")]
    security: Option<Security>,
}

#[derive(Clone, PartialEq, Message)]
struct Security {
    #[prost(message, optional, tag = "1")]
    namespaces: Option<NamespaceOption>,
}

/// 0 is the pod's own, 2 the node's.
#[derive(Clone, PartialEq, Message)]
struct NamespaceOption {
    #[prost(int32, tag = "1")]
    network: i32,
}

/// The answer to `RunPodSandbox`, and the question of `StopPodSandbox` and `RemovePodSandbox`.
#[derive(Clone, PartialEq, Message)]
struct SandboxId {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, Message)]
struct Nothing {}

fn call<Q, A>(socket: &Path, method: &str, question: Q) -> Result<A, tonic::Status>
where
    Q: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    let events = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    events.block_on(async {
        let address = format!("unix://{}", socket.display());
        let channel = Endpoint::from_shared(address).unwrap().connect().await.unwrap();
        let mut grpc = Grpc::new(channel);
        grpc.ready().await.unwrap();
        let path = format!("/runtime.v1.RuntimeService/{method}").parse().unwrap();
        Ok(grpc.unary(Request::new(question), path, ProstCodec::<Q, A>::default()).await?.into_inner())
    })
}

fn run_sandbox(socket: &Path, name: &str, network: i32) -> Result<String, tonic::Status> {
    let config = PodConfig {
        metadata: Some(Metadata {
            name: name.to_owned(),
            uid: format!("uid-{name}"),
            namespace: "default".to_owned(),
        }),
        // runc sets none in the node's namespaces.
        hostname: if network == 2 { String::new() } else { name.to_owned() },
        linux: Some(Linux { security: Some(Security { namespaces: Some(NamespaceOption { network }) }) }),
    };
    call::<_, SandboxId>(socket, "RunPodSandbox", RunPodSandbox { config: Some(config) })
        .map(|answer| answer.id)
}

fn end_sandbox(socket: &Path, id: &str, method: &str) {
    call::<_, Nothing>(socket, method, SandboxId { id: id.to_owned() }).unwrap();
}

/// The pause image of the sandboxes, made by the test's own Docker.
fn import_pause(scratch: &Scratch) {
    let _dockerd = dockerd(scratch);
    let entry = r#"ENTRYPOINT ["/bin/busybox","sleep","100000"]"#;
    docker(scratch, &["import", "-c", entry, &scratch.image(), "k8sboot.test/pause:1"]);
    docker(scratch, &["save", "-o", &scratch.text("pause.tar"), "k8sboot.test/pause:1"]);
    let import = ["images", "import", "--snapshotter", "native", &scratch.text("pause.tar")];
    run("ctr", &[&["-a", &*scratch.text("c.sock"), "-n", "k8s.io"], &import[..]].concat());
}

#[test]
fn a_real_sandbox_keeps_its_address_until_it_is_removed() {
    let programs = ["dockerd", "containerd", "ctr", "docker", "runc", "busybox", "tar"];
    if !may_start(&programs) {
        return;
    }
    let plugins = Path::new("/usr/lib/cni");
    if !plugins.join("ptp").is_file() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "the CNI plugins are not installed");
        eprintln!("skipped: {} has no plugins", plugins.display());
        return;
    }
    let scratch = Scratch::new("cri");
    let data = scratch.path("networks");
    let conflist = format!(
        r#"{{"cniVersion":"0.4.0","name":"k8sboottest","plugins":[{{"type":"ptp","ipam":{{"type":"host-local",
        "dataDir":"{}","ranges":[[{{"subnet":"198.18.77.0/24"}}]]}}}}]}}"#,
        data.display()
    );
    let _containerd = containerd(&scratch, Some(&conflist));
    let socket = scratch.path("c.sock");
    let witness = Cri::new(&socket);
    assert_eq!(witness.sandboxes().unwrap(), [], "a new containerd has none");
    let empty = witness.testify();
    assert!(empty.failures.is_empty() && empty.notes[0].starts_with("containerd "), "{empty:?}");
    import_pause(&scratch);

    let host = run_sandbox(&socket, "on-host", 2).unwrap();
    let pod = run_sandbox(&socket, "pod", 0).unwrap();
    let listed = witness.sandboxes().unwrap();
    let of = |id: &str| listed.iter().find(|sandbox| sandbox.id == id).unwrap();
    assert_eq!(
        (of(&pod).pod.as_str(), of(&pod).uid.as_str(), of(&pod).ready),
        ("default/pod", "uid-pod", true)
    );
    assert_eq!((of(&host).pod.as_str(), listed.len()), ("default/on-host", 2));
    for protocol in [CriProtocol::V1, CriProtocol::V1Alpha2] {
        assert_eq!(witness.clone().only(protocol).sandboxes().unwrap(), listed, "{protocol:?}");
    }

    let own = Containerd::new(&socket);
    assert!(own.containers().unwrap().iter().any(|seen| seen.namespace == "k8s.io" && seen.id == pod));
    let names: Vec<String> = own.testify().containers.into_iter().map(|seen| seen.id).collect();
    assert!(names.contains(&pod) && names.contains(&format!("k8s.io-{host}")), "{names:?}");

    // The real host-local recorded the pod; beside it lies a record of a sandbox that is gone.
    let options = DirectoryOptions::new().create(false);
    let ranges = k8sboot_core::ipam::Ranges::of_subnets(&["198.18.77.0/24".parse().unwrap()]).unwrap();
    let store = DirectoryStore::open(&data, "k8sboottest", ranges, options).unwrap();
    std::fs::write(data.join("k8sboottest/198.18.77.200"), format!("{}\r\neth0", "f".repeat(64))).unwrap();
    let namespaces = Namespaces::new();
    let survey = Survey::new(&store)
        .witness(&witness)
        .witness(&namespaces)
        .policy(Policy::default().grace(Duration::ZERO));
    let collected = survey.collect().unwrap();
    assert_eq!(collected.freed.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["198.18.77.200"]);
    let report = survey.plan().unwrap();
    let rules: Vec<&str> = report.verdicts[0].reasons.iter().map(|reason| reason.rule.name()).collect();
    assert!(
        rules.contains(&"address-configured") && rules.contains(&"container-listed"),
        "{}",
        report.to_text()
    );
    assert_ne!(report.verdicts[0].record.boot, Boot::Earlier);

    // Stopped, not ready: its DEL has run and its address is free; the listing still has it.
    end_sandbox(&socket, &pod, "StopPodSandbox");
    assert_eq!(store.records().unwrap().len(), 0);
    std::fs::write(data.join("k8sboottest/198.18.77.201"), format!("{pod}\r\neth0")).unwrap();
    let not_ready = witness.sandboxes().unwrap();
    assert!(not_ready.iter().any(|sandbox| sandbox.id == pod && !sandbox.ready));
    assert_eq!(
        survey.plan().unwrap().verdicts[0].state,
        State::Live,
        "a sandbox that is not ready is owed a DEL"
    );
    end_sandbox(&socket, &pod, "RemovePodSandbox");
    // containerd sends a second DEL; a record that comes back after it, as from a disk after a power cut, has leaked.
    std::fs::write(data.join("k8sboottest/198.18.77.201"), format!("{pod}\r\neth0")).unwrap();
    assert_eq!(survey.collect().unwrap().freed.len(), 1);
    end_sandbox(&socket, &host, "StopPodSandbox");
    end_sandbox(&socket, &host, "RemovePodSandbox");
}

#[test]
fn a_runtime_that_is_not_there_is_a_failure_with_a_reason() {
    let scratch = Scratch::new("nocri");
    let missing = Cri::new(format!("unix://{}", scratch.text("crio.sock")));
    assert_eq!(missing.testify().failures[0].code, Code::WITNESS_SOCKET);
    let missing = Containerd::new(scratch.path("containerd.sock"));
    assert_eq!(missing.testify().failures[0].code, Code::WITNESS_SOCKET);
    let path = scratch.path("deaf.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let deaf = Cri::new(&path).time_limit(Duration::from_millis(300));
    assert_eq!(deaf.testify().failures[0].code, Code::WITNESS_TIMEOUT);
    drop(listener);
    let error = deaf.sandboxes().unwrap_err();
    assert!(matches!(&error, WitnessError::Socket { path: at, .. } if *at == path), "{error}");
}

#[test]
fn a_server_without_cri_is_told_from_one_without_sandboxes() {
    if !may_start(&["containerd"]) {
        return;
    }
    let scratch = Scratch::new("ctrd");
    let _containerd = containerd(&scratch, None);
    let none = Cri::new(scratch.path("c.sock"));
    assert!(none.sandboxes().unwrap().is_empty());
    drop(_containerd);
    let off = std::fs::read_to_string(scratch.path("c.toml")).unwrap();
    std::fs::write(
        scratch.path("c.toml"),
        off.replace("version = 2", "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]"),
    )
    .unwrap();
    let _containerd = super::daemons::restart_containerd(&scratch);
    assert_eq!(none.testify().failures[0].code, Code::WITNESS_PROTOCOL);
    assert_eq!(Containerd::new(scratch.path("c.sock")).containers().unwrap(), []);
}
