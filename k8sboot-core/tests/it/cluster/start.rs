//! A control plane starts from nothing but what init wrote, and the tests' machines are as real ones.

use std::{net::IpAddr, process::Command, thread, time::Duration};

use k8sboot_core::api::Method;

use super::{ControlPlane, Lan, Machine, programs::programs};
use crate::tree::quick_text;

#[test]
fn the_static_pods_of_init_become_a_control_plane() {
    let Some(control_plane) = ControlPlane::start(&quick_text("minimal")) else { return };
    eprintln!("a control plane after {:.1} s", control_plane.age().as_secs_f64());
    let client = control_plane.client();
    assert_eq!(client.call(Method::Get, "/readyz", None).unwrap(), b"ok");
    assert!(control_plane.kubectl(&["get", "namespaces", "-o", "name"]).contains("namespace/kube-public"));

    // A component that crashes is gone, one that hangs does not answer, and both come back.
    control_plane.stop("kube-scheduler");
    assert!(!control_plane.is_ready("kube-scheduler"));
    control_plane.up(&["kube-scheduler"]);
    control_plane.pause("kube-apiserver");
    thread::sleep(Duration::from_millis(100));
    assert!(client.clone().within(Duration::from_secs(1)).call(Method::Get, "/readyz", None).is_err());
    control_plane.resume("kube-apiserver");
    control_plane.wait_ready("kube-apiserver");
    assert_eq!(control_plane.ended("kube-apiserver"), None);
    assert!(control_plane.ended("kubelet").is_some());
}

#[test]
fn machines_of_a_network_reach_each_other_and_nothing_else() {
    if !programs(&[]) {
        return;
    }
    let lan = Lan::new();
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let one = Machine::new("one", &[address("192.0.2.1"), address("2001:db8::1")], Some(&lan));
    let two = Machine::new("two", &[address("192.0.2.2"), address("2001:db8::2")], Some(&lan));
    let alone = Machine::new("alone", &[address("192.0.2.1")], None);
    for (at, reached) in [("192.0.2.1:80", true), ("[2001:db8::1]:80", true), ("198.51.100.1:80", false)] {
        let at: std::net::SocketAddr = at.parse().unwrap();
        let listener = one.inside(|| std::net::TcpListener::bind(at)).ok();
        let connect = || std::net::TcpStream::connect_timeout(&at, Duration::from_secs(5));
        assert_eq!(two.inside(connect).is_ok(), reached, "{at}");
        assert!(alone.inside(connect).is_err(), "{at}");
        assert_eq!(listener.is_some(), reached);
    }
    // A directory that this host may not have is there inside, and only there.
    one.show("/etc/kubernetes");
    std::fs::write(one.path("/etc/kubernetes/written"), one.name()).unwrap();
    let read =
        |machine: &Machine| machine.command("cat").args(["/etc/kubernetes/written"]).output().unwrap().stdout;
    assert_eq!((read(&one), read(&two)), (b"one".to_vec(), Vec::new()));
    let hosts = one.command("cat").arg("/etc/hosts").output().unwrap().stdout;
    assert_eq!(hosts, Command::new("cat").arg("/etc/hosts").output().unwrap().stdout);
    assert!(!std::path::Path::new("/etc/kubernetes/written").exists());
}
