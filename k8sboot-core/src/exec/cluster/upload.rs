//! The files that control planes share, sealed into Secret `kubeadm-certs`.

use super::{
    Cluster,
    apply::{outcome, owned},
};
use crate::{
    api::Resource,
    exec::{ExecError, Outcome, Run, upload::seal_entries},
    pki::upload::Entry,
    plan::Step,
};

impl Cluster {
    /// Seals and writes, first the token whose end removes what follows.
    ///
    /// What was sealed with another nonce differs though it holds the same, so that every run writes it anew, with two
    /// more hours to live, as kubeadm does.
    pub(super) fn upload(&mut self, entries: &[Entry], step: &Step, run: &Run) -> Result<Outcome, ExecError> {
        let client = self.client()?.cancelled_by(run.cancel.clone());
        let key = self.certificate_key.as_ref().ok_or(ExecError::NoCertificateKey {})?;
        let host = &self.host;
        let sealed = seal_entries(host.tree(), entries, key, host.entropy(), host.now())?;
        self.put(&client, &sealed.owner, &[], step, run)?;
        let (owner, what) = (sealed.owner.key().clone(), sealed.certs.key().to_string());
        let owner = self.persist(&what, step, run, || {
            client.get(&Resource::SECRETS, owner.namespace.as_deref(), &owner.name)
        })?;
        let certs = owned(&sealed.certs, owner.as_ref())?;
        let done = self.put(&client, &certs, &[], step, run)?;
        // That sealed bytes differ is no news; that somebody else's stay is.
        if let Some(compared) = &done {
            self.tell_kept(&what, compared);
        }
        Ok(outcome(done.as_ref()))
    }
}
