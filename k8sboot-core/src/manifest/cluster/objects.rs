//! All objects of a fresh cluster in the order in which kubeadm creates them.

use super::{bootstrap, component_config, rbac, upload_config};
use crate::{
    config::InitConfig,
    manifest::{
        ManifestError, Object, PatchSet,
        addon::{coredns, kube_proxy},
    },
    time::Timestamp,
};

/// What the objects need beside the configuration.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ObjectInputs<'a> {
    /// ca.crt, which goes into cluster-info.
    pub ca_pem: &'a str,
    /// When the lifetimes of bootstrap tokens begin.
    pub now: Timestamp,
    /// Patches of the add-ons. Default: none.
    pub patches: Option<&'a PatchSet>,
    /// Encrypted certificates for joining control planes. Default: none are uploaded.
    pub uploaded_certs: Option<&'a UploadedCerts>,
}

/// The Secrets of an upload of certificates.
#[derive(Clone, Debug)]
pub struct UploadedCerts {
    /// The Secret of the short-lived token whose end deletes the other one.
    pub owner: Object,
    /// Secret `kubeadm-certs` with the encrypted files.
    pub certs: Object,
}

/// An object and the stage of init that creates it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StagedObject {
    /// `wait-control-plane`, `upload-config`, `upload-certs`, `bootstrap-token` or `addons`.
    pub stage: &'static str,
    /// The object.
    pub object: Object,
}

impl<'a> ObjectInputs<'a> {
    /// Inputs without patches and without an upload of certificates.
    #[must_use]
    pub const fn new(ca_pem: &'a str, now: Timestamp) -> Self {
        Self { ca_pem, now, patches: None, uploaded_certs: None }
    }

    /// Sets [`patches`](Self::patches).
    #[must_use]
    pub const fn patches(mut self, patches: &'a PatchSet) -> Self {
        self.patches = Some(patches);
        self
    }

    /// Sets [`uploaded_certs`](Self::uploaded_certs).
    #[must_use]
    pub const fn uploaded_certs(mut self, uploaded: &'a UploadedCerts) -> Self {
        self.uploaded_certs = Some(uploaded);
        self
    }
}

/// Every object that kubeadm creates while it initialises a cluster, in its order, each with its stage.
///
/// The first one, ClusterRoleBinding `kubeadm:cluster-admins`, has to be created with the rights of super-admin.conf:
/// it is what gives admin.conf its own. The Node is not among them: it is patched, see
/// [`node::control_plane_patch`](crate::manifest::node::control_plane_patch).
///
/// # Errors
///
/// [`ManifestError`] if a bootstrap token or a patch does not fit.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{config::Documents, facts::NodeFacts, manifest::cluster};
/// let config = "{apiVersion: kubeadm.k8s.io/v1beta4, kind: ClusterConfiguration, kubernetesVersion: v1.36.2}\n---\n\
///     {apiVersion: kubeadm.k8s.io/v1beta4, kind: InitConfiguration, localAPIEndpoint: {advertiseAddress: 192.0.2.10}}";
/// let config = Documents::parse(config)?.into_init(&NodeFacts::named("node-1"), None)?;
/// let inputs = cluster::ObjectInputs::new("-----BEGIN CERTIFICATE-----\n…", "2026-01-01T00:00:00Z".parse()?);
/// let objects = cluster::objects(&config, &inputs)?;
/// let dns = objects.iter().find(|o| o.object.key().name == "kube-dns").expect("the DNS service");
/// assert_eq!(dns.stage, "addons");
/// assert_eq!(cluster::file_name(&dns.object), "Service.kube-system.kube-dns.yaml");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn objects(config: &InitConfig, inputs: &ObjectInputs<'_>) -> Result<Vec<StagedObject>, ManifestError> {
    let no_patches = PatchSet::none();
    let patches = inputs.patches.unwrap_or(&no_patches);
    let mut staged = Vec::with_capacity(40);
    let mut add = |stage, objects: Vec<Object>| {
        staged.extend(objects.into_iter().map(|object| StagedObject { stage, object }));
    };

    add("wait-control-plane", rbac::CLUSTER_ADMINS.objects()?);

    add("upload-config", vec![upload_config::kubeadm_config(config)?]);
    add("upload-config", rbac::KUBEADM_CONFIG.objects()?);
    add("upload-config", vec![component_config::kubelet_config(config)?]);
    add("upload-config", rbac::KUBELET_CONFIG.objects()?);

    if let Some(UploadedCerts { owner, certs }) = inputs.uploaded_certs {
        add("upload-certs", vec![owner.clone(), certs.clone()]);
        add("upload-certs", rbac::UPLOADED_CERTS.objects()?);
    }

    add("bootstrap-token", bootstrap::token_secrets(config, inputs.now)?);
    for grant in rbac::BOOTSTRAP {
        add("bootstrap-token", grant.objects()?);
    }
    add("bootstrap-token", vec![bootstrap::cluster_info(config, inputs.ca_pem)?]);
    add("bootstrap-token", rbac::CLUSTER_INFO.objects()?);

    add("addons", coredns::objects(config, patches)?);
    add("addons", kube_proxy::objects(config, patches)?);
    Ok(staged)
}

/// The file an object is written to for later application: `Kind[.namespace].name.yaml`, with `_` for `:`.
#[must_use]
pub fn file_name(object: &Object) -> String {
    let key = object.key();
    let namespace = key.namespace.as_ref().map(|namespace| format!(".{namespace}")).unwrap_or_default();
    format!("{}{namespace}.{}.yaml", key.kind, key.name).replace(':', "_")
}
