//! The fields of every document kind, by version, as data.
//!
//! Source: Kubernetes "kubeadm Configuration" v1beta4 and v1beta3,
//! <https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/>; `EnvVar` and `Taint` are core/v1.

use Type::{Bool, Duration, Int, List, Map, Object, Quantity, Secret, Text};

/// What a field takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Type {
    /// Text.
    Text,
    /// Text that no message may quote.
    Secret,
    /// A boolean.
    Bool,
    /// A whole number of 32 bits.
    Int,
    /// A Go duration as text.
    Duration,
    /// An amount: text like `500m`, or a number.
    Quantity,
    /// A list.
    List(&'static Type),
    /// A mapping with free keys.
    Map(&'static Type),
    /// A mapping with these fields.
    Object(&'static Fields),
}

/// The fields of a mapping, in the order of the reference.
#[derive(Debug)]
pub(super) struct Fields(pub(super) &'static [(&'static str, Type)]);

impl Fields {
    pub(super) fn get(&self, name: &str) -> Option<Type> {
        self.0.iter().find(|(field, _)| *field == name).map(|(_, ty)| *ty)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }
}

/// A version of the kubeadm API: its document kinds.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) api_version: &'static str,
    pub(super) kinds: &'static [(&'static str, &'static Fields)],
}

impl Version {
    pub(super) fn get(&self, kind: &str) -> Option<&'static Fields> {
        self.kinds.iter().find(|(name, _)| *name == kind).map(|(_, fields)| *fields)
    }
}

/// kubeadm.k8s.io/v1beta4.
pub(super) static V1BETA4: Version = Version {
    api_version: "kubeadm.k8s.io/v1beta4",
    kinds: &[
        ("InitConfiguration", &INIT),
        ("ClusterConfiguration", &CLUSTER),
        ("JoinConfiguration", &JOIN),
        ("ResetConfiguration", &RESET),
        ("UpgradeConfiguration", &UPGRADE),
    ],
};

/// kubeadm.k8s.io/v1beta3.
pub(super) static V1BETA3: Version = Version {
    api_version: "kubeadm.k8s.io/v1beta3",
    kinds: &[
        ("InitConfiguration", &INIT_3),
        ("ClusterConfiguration", &CLUSTER_3),
        ("JoinConfiguration", &JOIN_3),
    ],
};

const TEXTS: Type = List(&Text);
const ARGS: Type = List(&Object(&ARG));
const ENVS: Type = List(&Object(&ENV));
const VOLUMES: Type = List(&Object(&VOLUME));

static INIT: Fields = Fields(&[
    ("bootstrapTokens", List(&Object(&BOOTSTRAP_TOKEN))),
    ("dryRun", Bool),
    ("nodeRegistration", Object(&NODE_REGISTRATION)),
    ("localAPIEndpoint", Object(&API_ENDPOINT)),
    ("certificateKey", Secret),
    ("skipPhases", TEXTS),
    ("patches", Object(&PATCHES)),
    ("timeouts", Object(&TIMEOUTS)),
]);

static CLUSTER: Fields = Fields(&[
    ("etcd", Object(&ETCD)),
    ("networking", Object(&NETWORKING)),
    ("kubernetesVersion", Text),
    ("controlPlaneEndpoint", Text),
    ("apiServer", Object(&API_SERVER)),
    ("controllerManager", Object(&COMPONENT)),
    ("scheduler", Object(&COMPONENT)),
    ("dns", Object(&DNS)),
    ("proxy", Object(&Fields(&[("disabled", Bool)]))),
    ("certificatesDir", Text),
    ("imageRepository", Text),
    ("featureGates", Map(&Bool)),
    ("clusterName", Text),
    ("encryptionAlgorithm", Text),
    ("certificateValidityPeriod", Duration),
    ("caCertificateValidityPeriod", Duration),
]);

static JOIN: Fields = Fields(&[
    ("dryRun", Bool),
    ("nodeRegistration", Object(&NODE_REGISTRATION)),
    ("caCertPath", Text),
    ("discovery", Object(&DISCOVERY)),
    ("controlPlane", Object(&JOIN_CONTROL_PLANE)),
    ("skipPhases", TEXTS),
    ("patches", Object(&PATCHES)),
    ("timeouts", Object(&TIMEOUTS)),
]);

static RESET: Fields = Fields(&[
    ("cleanupTmpDir", Bool),
    ("certificatesDir", Text),
    ("criSocket", Text),
    ("dryRun", Bool),
    ("force", Bool),
    ("ignorePreflightErrors", TEXTS),
    ("skipPhases", TEXTS),
    ("unmountFlags", TEXTS),
    ("timeouts", Object(&TIMEOUTS)),
]);

static UPGRADE: Fields = Fields(&[
    ("apply", Object(&UPGRADE_APPLY)),
    ("diff", Object(&Fields(&[("kubernetesVersion", Text), ("contextLines", Int)]))),
    ("node", Object(&UPGRADE_NODE)),
    ("plan", Object(&UPGRADE_PLAN)),
    ("timeouts", Object(&TIMEOUTS)),
]);

static BOOTSTRAP_TOKEN: Fields = Fields(&[
    ("token", Secret),
    ("description", Text),
    ("ttl", Duration),
    ("expires", Text),
    ("usages", TEXTS),
    ("groups", TEXTS),
]);

static NODE_REGISTRATION: Fields = Fields(&[
    ("name", Text),
    ("criSocket", Text),
    ("taints", List(&Object(&TAINT))),
    ("kubeletExtraArgs", ARGS),
    ("ignorePreflightErrors", TEXTS),
    ("imagePullPolicy", Text),
    ("imagePullSerial", Bool),
]);

static TAINT: Fields = Fields(&[("key", Text), ("value", Text), ("effect", Text), ("timeAdded", Text)]);

static ARG: Fields = Fields(&[("name", Text), ("value", Text)]);

static API_ENDPOINT: Fields = Fields(&[("advertiseAddress", Text), ("bindPort", Int)]);

static PATCHES: Fields = Fields(&[("directory", Text)]);

static TIMEOUTS: Fields = Fields(&[
    ("controlPlaneComponentHealthCheck", Duration),
    ("kubeletHealthCheck", Duration),
    ("kubernetesAPICall", Duration),
    ("etcdAPICall", Duration),
    ("tlsBootstrap", Duration),
    ("discovery", Duration),
    ("upgradeManifests", Duration),
]);

static ETCD: Fields = Fields(&[("local", Object(&LOCAL_ETCD)), ("external", Object(&EXTERNAL_ETCD))]);

static LOCAL_ETCD: Fields = Fields(&[
    ("imageRepository", Text),
    ("imageTag", Text),
    ("dataDir", Text),
    ("extraArgs", ARGS),
    ("extraEnvs", ENVS),
    ("serverCertSANs", TEXTS),
    ("peerCertSANs", TEXTS),
]);

static EXTERNAL_ETCD: Fields = Fields(&[
    ("endpoints", TEXTS),
    ("httpEndpoints", TEXTS),
    ("caFile", Text),
    ("certFile", Text),
    ("keyFile", Text),
]);

static NETWORKING: Fields = Fields(&[("serviceSubnet", Text), ("podSubnet", Text), ("dnsDomain", Text)]);

static COMPONENT: Fields = Fields(&[("extraArgs", ARGS), ("extraVolumes", VOLUMES), ("extraEnvs", ENVS)]);

static API_SERVER: Fields =
    Fields(&[("extraArgs", ARGS), ("extraVolumes", VOLUMES), ("extraEnvs", ENVS), ("certSANs", TEXTS)]);

static VOLUME: Fields = Fields(&[
    ("name", Text),
    ("hostPath", Text),
    ("mountPath", Text),
    ("readOnly", Bool),
    ("pathType", Text),
]);

// The value of a variable may well be a password.
static ENV: Fields = Fields(&[("name", Text), ("value", Secret), ("valueFrom", Object(&ENV_SOURCE))]);

static ENV_SOURCE: Fields = Fields(&[
    ("fieldRef", Object(&Fields(&[("apiVersion", Text), ("fieldPath", Text)]))),
    (
        "resourceFieldRef",
        Object(&Fields(&[("containerName", Text), ("resource", Text), ("divisor", Quantity)])),
    ),
    ("configMapKeyRef", Object(&KEY_REF)),
    ("secretKeyRef", Object(&KEY_REF)),
    (
        "fileKeyRef",
        Object(&Fields(&[("volumeName", Text), ("path", Text), ("key", Text), ("optional", Bool)])),
    ),
]);

static KEY_REF: Fields = Fields(&[("name", Text), ("key", Text), ("optional", Bool)]);

static DNS: Fields = Fields(&[("imageRepository", Text), ("imageTag", Text), ("disabled", Bool)]);

static DISCOVERY: Fields = Fields(&[
    ("bootstrapToken", Object(&TOKEN_DISCOVERY)),
    ("file", Object(&FILE_DISCOVERY)),
    ("tlsBootstrapToken", Secret),
]);

static TOKEN_DISCOVERY: Fields = Fields(&[
    ("token", Secret),
    ("apiServerEndpoint", Text),
    ("caCertHashes", TEXTS),
    ("unsafeSkipCAVerification", Bool),
]);

static FILE_DISCOVERY: Fields = Fields(&[("kubeConfigPath", Text)]);

static JOIN_CONTROL_PLANE: Fields =
    Fields(&[("localAPIEndpoint", Object(&API_ENDPOINT)), ("certificateKey", Secret)]);

static UPGRADE_APPLY: Fields = Fields(&[
    ("kubernetesVersion", Text),
    ("allowExperimentalUpgrades", Bool),
    ("allowRCUpgrades", Bool),
    ("certificateRenewal", Bool),
    ("dryRun", Bool),
    ("etcdUpgrade", Bool),
    ("forceUpgrade", Bool),
    ("ignorePreflightErrors", TEXTS),
    ("patches", Object(&PATCHES)),
    ("printConfig", Bool),
    ("skipPhases", TEXTS),
    ("imagePullPolicy", Text),
    ("imagePullSerial", Bool),
]);

static UPGRADE_NODE: Fields = Fields(&[
    ("certificateRenewal", Bool),
    ("dryRun", Bool),
    ("etcdUpgrade", Bool),
    ("ignorePreflightErrors", TEXTS),
    ("skipPhases", TEXTS),
    ("patches", Object(&PATCHES)),
    ("imagePullPolicy", Text),
    ("imagePullSerial", Bool),
]);

static UPGRADE_PLAN: Fields = Fields(&[
    ("kubernetesVersion", Text),
    ("allowExperimentalUpgrades", Bool),
    ("allowRCUpgrades", Bool),
    ("dryRun", Bool),
    ("etcdUpgrade", Bool),
    ("ignorePreflightErrors", TEXTS),
    ("printConfig", Bool),
]);

static INIT_3: Fields = Fields(&[
    ("bootstrapTokens", List(&Object(&BOOTSTRAP_TOKEN))),
    ("nodeRegistration", Object(&NODE_REGISTRATION_3)),
    ("localAPIEndpoint", Object(&API_ENDPOINT)),
    ("certificateKey", Secret),
    ("skipPhases", TEXTS),
    ("patches", Object(&PATCHES)),
]);

static CLUSTER_3: Fields = Fields(&[
    ("etcd", Object(&Fields(&[("local", Object(&LOCAL_ETCD_3)), ("external", Object(&EXTERNAL_ETCD_3))]))),
    ("networking", Object(&NETWORKING)),
    ("kubernetesVersion", Text),
    ("controlPlaneEndpoint", Text),
    ("apiServer", Object(&API_SERVER_3)),
    ("controllerManager", Object(&COMPONENT_3)),
    ("scheduler", Object(&COMPONENT_3)),
    ("dns", Object(&Fields(&[("imageRepository", Text), ("imageTag", Text)]))),
    ("certificatesDir", Text),
    ("imageRepository", Text),
    ("featureGates", Map(&Bool)),
    ("clusterName", Text),
]);

static JOIN_3: Fields = Fields(&[
    ("nodeRegistration", Object(&NODE_REGISTRATION_3)),
    ("caCertPath", Text),
    ("discovery", Object(&DISCOVERY_3)),
    ("controlPlane", Object(&JOIN_CONTROL_PLANE)),
    ("skipPhases", TEXTS),
    ("patches", Object(&PATCHES)),
]);

static NODE_REGISTRATION_3: Fields = Fields(&[
    ("name", Text),
    ("criSocket", Text),
    ("taints", List(&Object(&TAINT))),
    ("kubeletExtraArgs", Map(&Text)),
    ("ignorePreflightErrors", TEXTS),
    ("imagePullPolicy", Text),
]);

static LOCAL_ETCD_3: Fields = Fields(&[
    ("imageRepository", Text),
    ("imageTag", Text),
    ("dataDir", Text),
    ("extraArgs", Map(&Text)),
    ("serverCertSANs", TEXTS),
    ("peerCertSANs", TEXTS),
]);

static EXTERNAL_ETCD_3: Fields =
    Fields(&[("endpoints", TEXTS), ("caFile", Text), ("certFile", Text), ("keyFile", Text)]);

static API_SERVER_3: Fields = Fields(&[
    ("extraArgs", Map(&Text)),
    ("extraVolumes", VOLUMES),
    ("certSANs", TEXTS),
    ("timeoutForControlPlane", Duration),
]);

static COMPONENT_3: Fields = Fields(&[("extraArgs", Map(&Text)), ("extraVolumes", VOLUMES)]);

static DISCOVERY_3: Fields = Fields(&[
    ("bootstrapToken", Object(&TOKEN_DISCOVERY)),
    ("file", Object(&FILE_DISCOVERY)),
    ("tlsBootstrapToken", Secret),
    ("timeout", Duration),
]);

#[cfg(test)]
mod tests {
    //! The schema and the typed structures name the same fields.

    use std::collections::BTreeSet;

    use serde::{
        Deserialize,
        de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor, value::Error},
    };

    use super::*;
    use crate::config::v1beta4;

    /// Hands every structure all of its fields, and notes their paths.
    struct Recorder<'p> {
        path: String,
        paths: &'p mut BTreeSet<String>,
    }

    macro_rules! give {
        ($($method:ident => $visit:ident($value:expr),)*) => {
            $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> { visitor.$visit($value) })*
        };
    }

    impl<'de> Deserializer<'de> for Recorder<'_> {
        type Error = Error;

        give! {
            deserialize_bool => visit_bool(true),
            deserialize_i32 => visit_i32(1),
            // Parses as text, as a duration and as a time.
            deserialize_str => visit_str("1h"),
            deserialize_string => visit_str("1h"),
            // Only EnvVar.valueFrom is untyped.
            deserialize_any => visit_bool(true),
        }

        fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_some(self)
        }

        fn deserialize_newtype_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            visitor: V,
        ) -> Result<V::Value, Error> {
            visitor.visit_newtype_struct(self)
        }

        fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_seq(Members { recorder: self, names: ["[]"].iter() })
        }

        fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_map(Members { recorder: self, names: ["*"].iter() })
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Error> {
            visitor.visit_map(Members { recorder: self, names: fields.iter() })
        }

        serde::forward_to_deserialize_any! {
            i8 i16 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
            enum identifier ignored_any
        }
    }

    struct Members<'p> {
        recorder: Recorder<'p>,
        names: std::slice::Iter<'static, &'static str>,
    }

    impl Members<'_> {
        fn value<'de, S: DeserializeSeed<'de>>(&mut self, name: &str, seed: S) -> Result<S::Value, Error> {
            let path = format!("{}/{name}", self.recorder.path);
            self.recorder.paths.insert(path.clone());
            seed.deserialize(Recorder { path, paths: self.recorder.paths })
        }
    }

    impl<'de> MapAccess<'de> for Members<'_> {
        type Error = Error;

        fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
            let key = self.names.as_slice().first().map(|name| serde::de::value::StrDeserializer::new(name));
            key.map(|key| seed.deserialize(key)).transpose()
        }

        fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
            let name = self.names.next().unwrap();
            self.value(name, seed)
        }
    }

    impl<'de> SeqAccess<'de> for Members<'_> {
        type Error = Error;

        fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
            self.names.next().map(|name| self.value(name, seed)).transpose()
        }
    }

    fn of_struct<'de, T: Deserialize<'de>>() -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        T::deserialize(Recorder { path: String::new(), paths: &mut paths }).unwrap();
        paths
    }

    fn of_schema(ty: Type, path: &str, paths: &mut BTreeSet<String>) {
        let mut below = |name: &str, ty: Type| {
            let path = format!("{path}/{name}");
            paths.insert(path.clone());
            of_schema(ty, &path, paths);
        };
        match ty {
            // Untyped in the structures: carried through.
            Object(fields) if std::ptr::eq(fields, &ENV_SOURCE) => {}
            Object(fields) => fields.0.iter().for_each(|(name, ty)| below(name, *ty)),
            List(inner) => below("[]", *inner),
            Map(inner) => below("*", *inner),
            _ => {}
        }
    }

    #[test]
    fn schema_and_structures_have_the_same_fields() {
        for (kind, structure) in [
            ("InitConfiguration", of_struct::<v1beta4::InitConfiguration>()),
            ("ClusterConfiguration", of_struct::<v1beta4::ClusterConfiguration>()),
            ("JoinConfiguration", of_struct::<v1beta4::JoinConfiguration>()),
            ("ResetConfiguration", of_struct::<v1beta4::ResetConfiguration>()),
        ] {
            let mut schema = BTreeSet::new();
            of_schema(Object(V1BETA4.get(kind).unwrap()), "", &mut schema);
            assert!(schema.len() > 10);
            assert_eq!(schema, structure, "{kind}");
        }
    }
}
