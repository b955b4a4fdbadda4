//! Requests that nobody approves, that are denied, that nobody signs; and runs that are stopped.

use std::{path::Path, thread, time::Duration};

use k8sboot_core::{
    api::{Client, Resource},
    error::{Code, Problem, chain},
    exec::{CancelToken, Run},
    join::{approval::Policy, approve, deny, review},
    manifest::Object,
};

use super::cluster::{Told, join, join_config, join_text, library, ours};
use crate::{
    cluster::ControlPlane,
    tree::{Scratch, snapshot},
};

const SHORT: &str = "timeouts: {tlsBootstrap: 1500ms}\n";

/// The request of a node, once it is there.
fn request(client: &Client) -> Object {
    for _ in 0..200 {
        let found = client.list(&Resource::CERTIFICATE_SIGNING_REQUESTS, None, "").unwrap();
        if let Some(request) = found.into_iter().next() {
            return request;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("no request");
}

fn forget(client: &Client) {
    for request in client.list(&Resource::CERTIFICATE_SIGNING_REQUESTS, None, "").unwrap() {
        client.delete(&Resource::CERTIFICATE_SIGNING_REQUESTS, None, &request.key().name).unwrap();
    }
}

fn key(root: &Path) -> bool {
    root.join("var/lib/kubelet/pki/kubelet-client.key.tmp").exists()
}

/// No credential of the bootstrap is on the disk.
fn assert_no_token(root: &Path) {
    for (name, (_, bytes)) in snapshot(root) {
        assert!(!String::from_utf8_lossy(&bytes).contains(super::cluster::SECRET), "{name}");
    }
}

#[test]
fn every_end_of_a_wait_is_named() {
    let Some(control_plane) = ours(None) else { return };
    let client = control_plane.client();
    let unbound =
        client.delete(&Resource::CLUSTER_ROLE_BINDINGS, None, "kubeadm:node-autoapprove-bootstrap").unwrap();
    assert!(unbound);
    // The controller manager's view of rights lags a little.
    thread::sleep(Duration::from_secs(1));
    never_approved_then_approved(&control_plane, &client);
    forget(&client);
    denied(&control_plane, &client);
    forget(&client);
    cancelled(&control_plane, &client);
    forget(&client);
    never_signed(&control_plane, &client);
}

fn never_approved_then_approved(control_plane: &ControlPlane, client: &Client) {
    let scratch = Scratch::new("join-pending");
    let config = join_config(&join_text(control_plane, "worker-1", SHORT));
    let told = Told::new();
    let run = |run: &Run| control_plane.inside(|| join(&config, library(), scratch.path(), run, None));
    let error = run(&told.run()).unwrap_err();
    assert_eq!(error.code(), Code::CSR_NOT_APPROVED, "{}", chain(&error));
    let name = request(client).key().name.clone();
    assert!(chain(&error).contains(&format!("kubectl certificate approve {name}")), "{}", chain(&error));
    assert!(told.when("nobody has approved it yet").is_some(), "{}", told.all());
    assert!(error.details().retryable);
    assert_no_token(scratch.path());
    assert!(key(scratch.path()));
    // The next run goes on with the same key and the same request.
    assert_eq!(review(client, &name, &Policy::default()).unwrap().reason(), "NodeVerified");
    run(&Run::default()).unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!(request(client).key().name, name);
    assert!(!key(scratch.path()));
    assert_no_token(scratch.path());
}

fn denied(control_plane: &ControlPlane, client: &Client) {
    let scratch = Scratch::new("join-denied");
    let config = join_config(&join_text(control_plane, "worker-2", ""));
    thread::scope(|scope| {
        let joining = scope.spawn(|| {
            control_plane.inside(|| join(&config, library(), scratch.path(), &Run::default(), None))
        });
        deny(client, &request(client), "NotWelcome", "this node is unknown").unwrap();
        let error = joining.join().unwrap().unwrap_err();
        assert_eq!(error.code(), Code::CSR_DENIED);
        assert!(chain(&error).contains("NotWelcome: this node is unknown"), "{}", chain(&error));
    });
    assert!(!key(scratch.path()));
    assert_no_token(scratch.path());
}

fn cancelled(control_plane: &ControlPlane, client: &Client) {
    let scratch = Scratch::new("join-cancelled");
    let config = join_config(&join_text(control_plane, "worker-3", ""));
    let run = Run { cancel: CancelToken::default(), ..Run::default() };
    thread::scope(|scope| {
        let joining =
            scope.spawn(|| control_plane.inside(|| join(&config, library(), scratch.path(), &run, None)));
        request(client);
        run.cancel.trigger();
        let begun = std::time::Instant::now();
        let error = joining.join().unwrap().unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert_eq!(error.code(), Code::JOIN_CANCELLED, "{}", chain(&error));
    });
    assert_no_token(scratch.path());
}

fn never_signed(control_plane: &ControlPlane, client: &Client) {
    let scratch = Scratch::new("join-unsigned");
    let config = join_config(&join_text(control_plane, "worker-4", SHORT));
    control_plane.pause("kube-controller-manager");
    thread::scope(|scope| {
        let joining = scope.spawn(|| {
            control_plane.inside(|| join(&config, library(), scratch.path(), &Run::default(), None))
        });
        approve(client, &request(client), "Test", "by hand").unwrap();
        let error = joining.join().unwrap().unwrap_err();
        assert_eq!(error.code(), Code::CSR_NOT_SIGNED, "{}", chain(&error));
        assert!(chain(&error).contains("kube-controller-manager"), "{}", chain(&error));
    });
    control_plane.resume("kube-controller-manager");
    assert_no_token(scratch.path());
}
