//! Putting the access to a cluster into a user's kubeconfig.

use super::Kubeconfig;

/// Which context is current after a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurrentContext {
    /// The one that was; that of the added kubeconfig only if there was none.
    Keep,
    /// That of the added kubeconfig, if it has one.
    Switch,
}

impl Kubeconfig {
    /// Adds clusters, contexts and users, as `kubectl config set-cluster`, `set-context` and `set-credentials` do:
    /// entries of the same name are replaced as a whole, all others stay as they are.
    ///
    /// # Examples
    ///
    /// ```
    /// # use k8sboot_core::kubeconfig::{CurrentContext, Kubeconfig};
    /// let mut mine = Kubeconfig::parse("current-context: work\nusers: [{name: work}, {name: admin}]")?;
    /// let added = Kubeconfig::parse("current-context: lab\nusers: [{name: admin, user: {tokenFile: /t}}]")?;
    /// mine.merge(added, CurrentContext::Keep);
    /// assert_eq!(mine.current_context, "work");
    /// assert_eq!(mine.users.len(), 2);
    /// assert_eq!(mine.users["admin"].token_file.as_deref(), Some("/t"));
    /// # Ok::<(), k8sboot_core::kubeconfig::KubeconfigError>(())
    /// ```
    pub fn merge(&mut self, added: Self, current: CurrentContext) {
        self.clusters.extend(added.clusters);
        self.contexts.extend(added.contexts);
        self.users.extend(added.users);
        let switch = current == CurrentContext::Switch || self.current_context.is_empty();
        if switch && !added.current_context.is_empty() {
            self.current_context = added.current_context;
        }
        for (key, value) in added.other.0 {
            self.other.0.entry(key).or_insert(value);
        }
    }
}
