//! The stages of flows, and which of them a run does.

use super::FlowError;

/// The stages of init, in order.
pub const INIT_STAGES: [&str; 13] = [
    "preflight",
    "pki",
    "kubeconfig",
    "etcd",
    "control-plane",
    "kubelet",
    "wait-control-plane",
    "upload-config",
    "upload-certs",
    "mark-control-plane",
    "bootstrap-token",
    "kubelet-finalize",
    "addons",
];

/// The stages of join, in order.
pub const JOIN_STAGES: [&str; 6] =
    ["preflight", "discover", "kubelet", "tls-bootstrap", "wait-kubelet", "register-node"];

/// Which stages a run does: from one, until one (both included), without some. The default is all of init.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    table: &'static [&'static str],
    from: Option<&'static str>,
    until: Option<&'static str>,
    skip: Vec<&'static str>,
}

impl Default for Selection {
    fn default() -> Self {
        Self::of(&INIT_STAGES)
    }
}

impl Selection {
    /// All stages of a flow, for example of [`JOIN_STAGES`].
    #[must_use]
    pub const fn of(table: &'static [&'static str]) -> Self {
        Self { table, from: None, until: None, skip: Vec::new() }
    }

    pub(super) const fn table(&self) -> &'static [&'static str] {
        self.table
    }

    /// Begins with a stage.
    ///
    /// # Errors
    ///
    /// [`FlowError::UnknownStage`].
    pub fn from(mut self, stage: &str) -> Result<Self, FlowError> {
        self.from = Some(known(self.table, stage)?);
        Ok(self)
    }

    /// Ends after a stage.
    ///
    /// # Errors
    ///
    /// [`FlowError::UnknownStage`].
    pub fn until(mut self, stage: &str) -> Result<Self, FlowError> {
        self.until = Some(known(self.table, stage)?);
        Ok(self)
    }

    /// Leaves a stage out.
    ///
    /// # Errors
    ///
    /// [`FlowError::UnknownStage`].
    pub fn skip(mut self, stage: &str) -> Result<Self, FlowError> {
        self.skip.push(known(self.table, stage)?);
        Ok(self)
    }

    /// The selected stages, in order.
    ///
    /// # Errors
    ///
    /// [`FlowError::EmptySelection`] if the first comes after the last, or all are left out.
    pub fn stages(&self) -> Result<Vec<&'static str>, FlowError> {
        let place = |stage: Option<&str>, default: usize| {
            stage.and_then(|wanted| self.table.iter().position(|s| *s == wanted)).unwrap_or(default)
        };
        let (first, last) = (place(self.from, 0), place(self.until, self.table.len().saturating_sub(1)));
        let stages: Vec<&'static str> = self
            .table
            .iter()
            .enumerate()
            .filter(|(index, stage)| (first..=last).contains(index) && !self.skip.contains(stage))
            .map(|(_, stage)| *stage)
            .collect();
        if stages.is_empty() {
            return Err(FlowError::EmptySelection {
                from: self.from.or(self.table.first().copied()).unwrap_or_default(),
                until: self.until.or(self.table.last().copied()).unwrap_or_default(),
            });
        }
        Ok(stages)
    }
}

fn known(table: &'static [&'static str], stage: &str) -> Result<&'static str, FlowError> {
    table
        .iter()
        .find(|known| **known == stage)
        .copied()
        .ok_or_else(|| FlowError::UnknownStage { stages: table, found: stage.chars().take(64).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_a_range_without_the_skipped() {
        let selection =
            Selection::default().from("pki").unwrap().until("kubelet").unwrap().skip("etcd").unwrap();
        assert_eq!(selection.stages().unwrap(), ["pki", "kubeconfig", "control-plane", "kubelet"]);
        assert_eq!(Selection::default().stages().unwrap(), INIT_STAGES);
    }

    #[test]
    fn names_what_is_wrong() {
        let unknown = Selection::default().skip("certs").unwrap_err().to_string();
        assert!(unknown.contains("\"certs\"") && unknown.contains("pki"), "{unknown}");
        let empty = Selection::default().from("kubelet").unwrap().until("pki").unwrap();
        assert!(matches!(empty.stages(), Err(FlowError::EmptySelection { .. })));
        let join = Selection::of(&JOIN_STAGES);
        assert_eq!(join.clone().until("discover").unwrap().stages().unwrap(), ["preflight", "discover"]);
        let unknown = join.skip("pki").unwrap_err().to_string();
        assert!(unknown.contains("tls-bootstrap"), "{unknown}");
    }
}
