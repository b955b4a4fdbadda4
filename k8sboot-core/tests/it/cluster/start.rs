//! A control plane starts from nothing but what init wrote.

use k8sboot_core::api::Method;

use super::ControlPlane;

#[test]
fn the_static_pods_of_init_become_a_control_plane() {
    let Some(control_plane) = ControlPlane::shared() else { return };
    eprintln!("a control plane after {:.1} s", control_plane.age().as_secs_f64());
    let ready = control_plane.client().call(Method::Get, "/readyz", None).unwrap();
    assert_eq!(ready, b"ok");
    assert!(control_plane.kubectl(&["get", "namespaces", "-o", "name"]).contains("namespace/kube-public"));
}
