//! Clients made from the tree's own kubeconfigs.

use crate::{
    api::{Client, ClientOptions},
    exec::{ExecError, Tree},
    kubeconfig::Kubeconfig,
    secret::SecretBytes,
};

pub(super) const ADMIN: &str = "/etc/kubernetes/admin.conf";
pub(super) const SUPER_ADMIN: &str = "/etc/kubernetes/super-admin.conf";

/// The clients of a run, each made when it is first needed.
pub(super) struct Connection {
    server: String,
    admin: Option<Client>,
    super_admin: Option<Client>,
}

impl Connection {
    pub(super) const fn new(server: String) -> Self {
        Self { server, admin: None, super_admin: None }
    }

    pub(super) fn use_client(&mut self, client: Client) {
        self.admin = Some(client);
    }

    pub(super) fn admin(&mut self, tree: &Tree) -> Result<Client, ExecError> {
        if self.admin.is_none() {
            self.admin = self.client(tree, ADMIN)?;
        }
        self.admin.clone().ok_or_else(|| missing(ADMIN, "do stage kubeconfig first"))
    }

    /// The client of super-admin.conf, which only a first control plane has.
    pub(super) fn super_admin(&mut self, tree: &Tree) -> Result<Option<Client>, ExecError> {
        if self.super_admin.is_none() {
            self.super_admin = self.client(tree, SUPER_ADMIN)?;
        }
        Ok(self.super_admin.clone())
    }

    /// Who asks, and whom admin.conf trusts; the server is the node's own.
    pub(super) fn identity(&self, tree: &Tree) -> Result<ClientOptions, ExecError> {
        self.options(tree, ADMIN)?.ok_or_else(|| missing(ADMIN, "do stage kubeconfig first"))
    }

    fn client(&self, tree: &Tree, path: &'static str) -> Result<Option<Client>, ExecError> {
        let Some(options) = self.options(tree, path)? else { return Ok(None) };
        let client = Client::new(&options).map_err(|source| ExecError::api(path, source))?;
        Ok(Some(client))
    }

    fn options(&self, tree: &Tree, path: &'static str) -> Result<Option<ClientOptions>, ExecError> {
        let Some(bytes) = tree.read(path)?.map(SecretBytes::new) else { return Ok(None) };
        let unusable = |found: String| ExecError::Credentials {
            path: path.to_owned(),
            found,
            remedy: "remove the file and do stage kubeconfig again",
        };
        let text = bytes.expose_str().ok_or_else(|| unusable("bytes that are not UTF-8".to_owned()))?;
        let kubeconfig = Kubeconfig::parse(text).map_err(|error| unusable(crate::error::chain(&error)))?;
        let options = ClientOptions::from_kubeconfig(&kubeconfig)
            .map_err(|error| unusable(crate::error::chain(&error)))?;
        Ok(Some(options.server(&self.server)))
    }
}

fn missing(path: &str, remedy: &'static str) -> ExecError {
    ExecError::Credentials { path: path.to_owned(), found: "nothing".to_owned(), remedy }
}
