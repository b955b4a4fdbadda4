//! Join: a node becomes a worker of a cluster.

use std::ffi::c_char;

use crate::{
    config::parse_facts,
    error::{k8sboot_code_t, k8sboot_error_t},
    flow::k8sboot_flow_t,
    guard::{guard, needs},
    handle::{give, out},
    text::{optional_text, text},
};

/// Makes a flow that turns a node into a worker of a cluster, as `kubeadm join`. It is planned, carried out and freed like
/// that of `k8sboot_init_new`.
///
/// `documents` is kubeadm's JoinConfiguration (YAML or JSON), `facts` as for `k8sboot_config_new`. `root` is the directory
/// that stands for `/`, which must exist. The cluster is looked for, and asked, when a plan is made that needs it:
/// `k8sboot_flow_run` can be cancelled then, `k8sboot_flow_next_plan` blocks until there is an answer.
///
/// `options` is NULL or a JSON object, all members optional: `from`, `until` and `skip` for the stages `preflight`,
/// `discover`, `kubelet`, `tls-bootstrap`, `wait-kubelet`, `register-node`; `tlsBootstrap` (`kubelet`, or `library`, which
/// asks for the kubelet's certificate itself), `algorithm` (of that key; `ECDSA-P256`), `kubeletVersion` (compared with
/// the cluster's), `registerNode` (false; true registers the Node where no kubelet does) and `discovery` (an object as
/// `k8sboot_discover` takes, instead of what the documents say).
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_join_new(
    documents: *const c_char,
    facts: *const c_char,
    root: *const c_char,
    options: *const c_char,
    out: *mut *mut k8sboot_flow_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let documents = text(documents, "documents")?;
            let facts = parse_facts(optional_text(facts, "facts")?)?;
            let root = text(root, "root")?;
            let options = optional_text(options, "options")?;
            needs!("api", {
                *out = give(imp::begin(documents, &facts, root, options)?);
                Ok(())
            })
        })
    }
}

#[cfg(feature = "api")]
mod imp {
    use std::time::SystemTime;

    use k8sboot_core::{
        api::DiscoverOptions,
        config::Documents,
        discovery::Discovery,
        exec::{self, Check, Executor, Host, Joining, Tree},
        facts::NodeFacts,
        flow::{self, JOIN_STAGES, JoinOptions, Selection, TlsBootstrap},
        pki::KeyAlgorithm,
        probe::{self, Probe},
        time::Timestamp,
        version::Version,
    };
    use serde::Deserialize;

    use crate::{
        config::failure,
        discover::Request,
        error::Failure,
        json::{algorithm, optional_object},
        running::{Purpose, Running, select},
        site::Site,
    };

    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
    struct Options {
        from: Option<String>,
        until: Option<String>,
        skip: Vec<String>,
        tls_bootstrap: Option<String>,
        #[serde(deserialize_with = "algorithm::deserialize")]
        algorithm: Option<KeyAlgorithm>,
        kubelet_version: Option<String>,
        register_node: bool,
        discovery: Option<Request>,
    }

    impl Options {
        fn tls_bootstrap(&self) -> Result<TlsBootstrap, Failure> {
            let algorithm = self.algorithm.unwrap_or(KeyAlgorithm::EcdsaP256);
            match self.tls_bootstrap.as_deref() {
                Some("library") => Ok(TlsBootstrap::Library { algorithm }),
                None | Some("kubelet") if self.algorithm.is_none() => Ok(TlsBootstrap::Kubelet),
                None | Some("kubelet") => Err(Failure::json(
                    "options",
                    &"algorithm: the kubelet chooses its own (tlsBootstrap: library)",
                )),
                Some(other) => {
                    let problem = format!("tlsBootstrap: expected kubelet or library, found {other:?}");
                    Err(Failure::json("options", &problem))
                }
            }
        }

        fn kubelet_version(&self) -> Result<Option<Version>, Failure> {
            let Some(text) = &self.kubelet_version else { return Ok(None) };
            let wrong = format!("kubeletVersion: expected a version like v1.36.2, found {text:?}");
            text.parse().map(Some).map_err(|_| Failure::json("options", &wrong))
        }
    }

    pub(super) fn begin(
        documents: &str,
        facts: &NodeFacts,
        root: &str,
        options: Option<&str>,
    ) -> Result<Running, Failure> {
        let given: Options = optional_object(options, "options")?;
        let (from, until) = (given.from.as_deref(), given.until.as_deref());
        let selection = select(Selection::of(&JOIN_STAGES), from, until, &given.skip)?;
        let (by, kubelet) = (given.tls_bootstrap()?, given.kubelet_version()?);
        let config =
            Documents::parse(documents).and_then(|documents| documents.into_join(facts)).map_err(failure)?;
        let (discovery, patience) = match &given.discovery {
            Some(request) => (request.discovery()?, request.options()?),
            None => (Discovery::from(config.discovery()), DiscoverOptions::of(&config)),
        };
        let mut site = Site::new(root)?;
        let missing =
            || Failure::misuse("root", &format!("expected a directory that exists, found {root:?}"));
        let tree = site.look()?.ok_or_else(missing)?;
        let mut join = JoinOptions::at(Timestamp::from(SystemTime::now()))
            .patches(probe::read_join_patches(Some(&tree), &config)?)
            .tls_bootstrap(by)
            .register_node(given.register_node);
        join.kubelet_version = kubelet;
        let flow = flow::join(config, join).select(selection)?;
        let probe = probe::Cluster::by(probe::Host::new(tree), discovery, patience, &exec::Run::default());
        Ok(Running::new(flow, Box::new(Join { probe }), site))
    }

    struct Join {
        /// One for all stages: the cluster is looked for once.
        probe: probe::Cluster,
    }

    impl Purpose for Join {
        fn probe(&mut self, _site: &mut Site, run: &exec::Run) -> Result<Box<dyn Probe + '_>, Failure> {
            self.probe.follow(run);
            Ok(Box::new(Borrowed(&mut self.probe)))
        }

        fn check(&self) -> Check {
            Joining::check_step
        }

        fn executor(&self, tree: Tree) -> Box<dyn Executor> {
            Box::new(Joining::new(Host::new(tree)))
        }

        fn join_commands(&self, _site: &Site) -> Result<String, Failure> {
            Err(Failure::misuse("flow", "expected one of k8sboot_init_new, found one of k8sboot_join_new"))
        }
    }

    struct Borrowed<'a>(&'a mut probe::Cluster);

    impl Probe for Borrowed<'_> {
        fn gather<'a>(
            &'a mut self,
            wanted: &'a k8sboot_core::facts::Wanted,
        ) -> exec::BoxFuture<'a, Result<k8sboot_core::facts::Facts, probe::ProbeError>> {
            self.0.gather(wanted)
        }
    }
}
