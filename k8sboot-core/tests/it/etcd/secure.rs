//! TLS with certificates of our own PKI, and etcd's own users.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use k8sboot_core::{
    config::{Documents, InitConfig},
    entropy::System,
    error::{Code, Problem},
    pki::RandomKeys,
    secret::SecretBytes,
    store::etcd::{EtcdClient, EtcdError, EtcdOptions, EtcdTls, TlsProblem},
    time::Timestamp,
};
use serde_json::json;

use super::server::{Etcd, etcd};
use crate::{
    support::tools,
    tree::{Scratch, init_with, recorded_host},
};

fn config() -> InitConfig {
    let text = "
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.0.2.40}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
";
    Documents::parse(text).unwrap().into_init(&recorded_host("minimal"), None).unwrap()
}

/// The PKI of a control plane, below a root of its own.
struct Pki(Scratch);

impl Pki {
    fn new() -> Self {
        let scratch = Scratch::new("pki");
        // etcd judges certificates by the real time.
        let now = Timestamp::from(SystemTime::now());
        init_with(
            &config(),
            scratch.path(),
            None,
            (now, Arc::new(System), Arc::new(RandomKeys::new(&System))),
        )
        .unwrap();
        Self(scratch)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join("etc/kubernetes/pki").join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn tls(&self, client: Option<&Pki>) -> EtcdTls {
        let tls = EtcdTls::new(self.read("etcd/ca.crt"));
        let Some(pki) = client else { return tls };
        let key = SecretBytes::new(pki.read("apiserver-etcd-client.key"));
        tls.client(pki.read("apiserver-etcd-client.crt"), key)
    }
}

#[test]
fn mutual_tls_serves_members_and_refuses_strangers() {
    if !tools(&["etcd", "curl", "setpriv"]) {
        return;
    }
    let (pki, stranger) = (Pki::new(), Pki::new());
    let etcd = Etcd::start(&[
        format!("--cert-file={}", pki.path("etcd/server.crt")),
        format!("--key-file={}", pki.path("etcd/server.key")),
        format!("--trusted-ca-file={}", pki.path("etcd/ca.crt")),
        "--client-cert-auth".to_owned(),
    ]);
    let connect = |tls| EtcdClient::connect(&EtcdOptions::new([etcd.url()]).tls(tls));
    connect(pki.tls(Some(&pki))).unwrap();
    let by_name = etcd.url().replace("127.0.0.1", "localhost");
    EtcdClient::connect(&EtcdOptions::new([by_name]).tls(pki.tls(Some(&pki)))).unwrap();

    let server =
        |error: &EtcdError| matches!(error, EtcdError::Tls { problem: TlsProblem::Server { .. }, .. });
    let client =
        |error: &EtcdError| matches!(error, EtcdError::Tls { problem: TlsProblem::Client { .. }, .. });
    let wrong_ca = connect(stranger.tls(Some(&pki))).unwrap_err();
    assert!(server(&wrong_ca), "{wrong_ca}");
    let wrong_name = connect(pki.tls(Some(&pki)).server_name("etcd.example")).unwrap_err();
    assert!(server(&wrong_name), "{wrong_name}");
    let no_certificate = connect(pki.tls(None)).unwrap_err();
    assert!(client(&no_certificate), "{no_certificate}");
    let foreign = connect(pki.tls(Some(&stranger))).unwrap_err();
    assert!(client(&foreign), "{foreign}");
    assert_eq!(foreign.code(), Code::ETCD_TLS);

    let (certificate, key) = (pki.read("apiserver-etcd-client.crt"), pki.read("etcd/ca.crt"));
    let no_key =
        connect(EtcdTls::new(pki.read("etcd/ca.crt")).client(certificate.clone(), SecretBytes::new(key)));
    assert_eq!(no_key.unwrap_err().code(), Code::ETCD_OPTIONS);
    let other_key = SecretBytes::new(pki.read("etcd/server.key"));
    let mixed = connect(EtcdTls::new(pki.read("etcd/ca.crt")).client(certificate, other_key)).unwrap_err();
    assert!(matches!(&mixed, EtcdError::Tls { problem: TlsProblem::Material { .. }, .. }), "{mixed}");
    let plain = EtcdClient::connect(&EtcdOptions::new([etcd.url().replace("https", "http")])).unwrap_err();
    assert!(plain.details().retryable || plain.code() == Code::ETCD_TLS, "{plain}");
}

#[test]
fn tls_towards_a_plain_port_says_so() {
    let Some(etcd) = etcd() else { return };
    let patient = Duration::from_secs(30);
    let options = EtcdOptions::new([etcd.url().replace("http:", "https:")])
        .tls(Pki::new().tls(None))
        .timeouts(patient, patient);
    let error = EtcdClient::connect(&options).unwrap_err();
    assert!(matches!(&error, EtcdError::Tls { problem: TlsProblem::Handshake { .. }, .. }), "{error}");
}

#[test]
fn users_are_told_apart_and_a_lost_token_is_asked_for_again() {
    let Some(mut etcd) = etcd() else { return };
    let user = |name: &str, role: &str| {
        etcd.json("auth/user/add", &json!({"name": name, "password": "hunter2"}));
        etcd.json("auth/role/add", &json!({"name": role}));
        etcd.json("auth/user/grant", &json!({"user": name, "role": role}));
    };
    user("root", "root");
    user("reader", "none");
    etcd.json("auth/enable", &json!({}));
    let connect = |name: &str, password: &str| {
        EtcdClient::connect(&etcd.options().user(name, SecretBytes::from(password.to_owned())))
    };
    let nobody = EtcdClient::connect(&etcd.options()).unwrap_err();
    assert!(matches!(nobody, EtcdError::Auth { .. }), "{nobody}");
    let wrong = connect("root", "hunter3").unwrap_err();
    assert!(matches!(wrong, EtcdError::Auth { .. }) && !wrong.to_string().contains("hunter"), "{wrong}");
    let reader = connect("reader", "hunter2").unwrap();
    let subnets = k8sboot_core::store::etcd::FlannelSubnets::new(&reader, "/coreos.com/network").unwrap();
    let denied = subnets.list().unwrap_err();
    assert_eq!(denied.code(), Code::ETCD_AUTH, "{denied}");
    let root = connect("root", "hunter2").unwrap();
    let subnets = k8sboot_core::store::etcd::FlannelSubnets::new(&root, "/coreos.com/network").unwrap();
    assert!(subnets.list().unwrap().leases.is_empty());
    // A restart forgets the tokens.
    etcd.down();
    etcd.up();
    super::server::until("the user is known again", || subnets.list().is_ok());
}
