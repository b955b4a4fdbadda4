//! What init needs: its options, and by what its node is looked at and changed.

use std::time::SystemTime;

use k8sboot_core::{
    config::InitConfig,
    exec::{self, Check, Executor, Host, Tree},
    flow::{self, Flow, InitOptions, Selection},
    pki::CertificateKey,
    probe::{self, Probe},
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    error::Failure,
    json::{Secret, optional_object},
    running::{Purpose, Running, select},
    site::Site,
};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Options {
    from: Option<String>,
    until: Option<String>,
    skip: Vec<String>,
    wait_for_kubelet: Option<bool>,
    upload_certs: bool,
    certificate_key: Option<Secret>,
}

/// Everything of a flow of init but the configuration.
pub(crate) struct Ready {
    site: Site,
    options: InitOptions,
    selection: Selection,
    key: Option<CertificateKey>,
}

impl Ready {
    pub(crate) fn new(config: &InitConfig, root: &str, options: Option<&str>) -> Result<Self, Failure> {
        let given: Options = optional_object(options, "options")?;
        let until = given.until.as_deref().unwrap_or("kubelet");
        let selection = select(Selection::default(), given.from.as_deref(), Some(until), &given.skip)?;
        let key = given.certificate_key.map(|key| key.expose().parse()).transpose()?;
        let mut site = Site::new(root)?;
        let patches = probe::read_patches(site.look()?.as_ref(), config)?;
        let options = InitOptions::at(Timestamp::from(SystemTime::now()))
            .patches(patches)
            .upload_certs(given.upload_certs)
            .wait_for_kubelet(given.wait_for_kubelet.unwrap_or(true));
        Ok(Self { site, options, selection, key })
    }

    pub(crate) fn begin(self, config: InitConfig) -> Result<Running, Failure> {
        let flow: Flow = flow::init(config.clone(), self.options).select(self.selection)?;
        Ok(Running::new(flow, Box::new(Init { config, key: self.key }), self.site))
    }
}

struct Init {
    config: InitConfig,
    /// What uploaded certificates are sealed with.
    key: Option<CertificateKey>,
}

impl Purpose for Init {
    fn probe(&mut self, site: &mut Site, _run: &exec::Run) -> Result<Box<dyn Probe + '_>, Failure> {
        site.probe()
    }

    #[cfg(feature = "api")]
    fn check(&self) -> Check {
        |_| Ok(())
    }

    #[cfg(not(feature = "api"))]
    fn check(&self) -> Check {
        Host::check_step
    }

    #[cfg(feature = "api")]
    fn executor(&self, tree: Tree) -> Box<dyn Executor> {
        let cluster = exec::Cluster::new(Host::new(tree), &self.config);
        Box::new(match &self.key {
            Some(key) => cluster.with_certificate_key(key.clone()),
            None => cluster,
        })
    }

    #[cfg(not(feature = "api"))]
    fn executor(&self, tree: Tree) -> Box<dyn Executor> {
        Box::new(Host::new(tree))
    }

    fn join_commands(&self, site: &Site) -> Result<String, Failure> {
        let path = format!("{}/ca.crt", self.config.certificates_dir());
        let ca = match site.tree() {
            Some(tree) => tree.read(&path)?,
            None => None,
        };
        let none = || Failure::misuse("flow", &format!("{path} is missing (carry out stage pki first)"));
        let ca = String::from_utf8_lossy(&ca.ok_or_else(none)?).into_owned();
        let commands = flow::join_commands(&self.config, &ca)?;
        let lines =
            commands.iter().map(|join| join.expose_line().expose_str().unwrap_or_default().to_owned());
        Ok(Value::from(lines.collect::<Vec<_>>()).to_string())
    }
}
