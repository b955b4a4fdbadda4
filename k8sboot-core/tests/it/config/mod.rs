//! Configuration documents: against kubeadm's own output, against every kind of bad input, and as properties.

mod bad_input;
mod golden;
mod property;

use k8sboot_core::{
    config::{ConfigError, Documents, InitConfig, migrate},
    facts::NodeFacts,
};

fn host() -> NodeFacts {
    NodeFacts::named("Host-1 ")
}

fn migrated(text: &str) -> String {
    migrate(text, &host(), None).unwrap_or_else(|errors| panic!("{errors}\n{text}")).yaml.expose().to_owned()
}

fn init(text: &str) -> InitConfig {
    let documents = Documents::parse(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    documents.into_init(&host(), None).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// The errors of a text, whether they are found while reading or while proving for init.
fn errors(text: &str) -> Vec<ConfigError> {
    let proven = Documents::parse(text).and_then(|documents| documents.into_init(&host(), None));
    proven.map(|_| panic!("accepted:\n{text}")).unwrap_err().as_slice().to_vec()
}

/// An InitConfiguration and a ClusterConfiguration with further lines; the lines of the first begin in line 7.
fn both(init: &str, cluster: &str) -> String {
    let address = if init.contains("advertiseAddress") {
        ""
    } else {
        "localAPIEndpoint: {advertiseAddress: 192.0.2.1}\n"
    };
    let version = if cluster.contains("kubernetesVersion") { "" } else { "kubernetesVersion: v1.36.2\n" };
    format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{version}{cluster}\n---\n\
         apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n{address}{init}\n"
    )
}
