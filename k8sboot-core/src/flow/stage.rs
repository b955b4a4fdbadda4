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

/// Which stages a run does: from one, until one (both included), without some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    from: Option<&'static str>,
    until: Option<&'static str>,
    skip: Vec<&'static str>,
}

impl Selection {
    /// Begins with a stage.
    ///
    /// # Errors
    ///
    /// [`FlowError::UnknownStage`].
    pub fn from(mut self, stage: &str) -> Result<Self, FlowError> {
        self.from = Some(known(stage)?);
        Ok(self)
    }

    /// Ends after a stage.
    ///
    /// # Errors
    ///
    /// [`FlowError::UnknownStage`].
    pub fn until(mut self, stage: &str) -> Result<Self, FlowError> {
        self.until = Some(known(stage)?);
        Ok(self)
    }

    /// Leaves a stage out.
    ///
    /// # Errors
    ///
    /// [`FlowError::UnknownStage`].
    pub fn skip(mut self, stage: &str) -> Result<Self, FlowError> {
        self.skip.push(known(stage)?);
        Ok(self)
    }

    /// The selected stages, in order.
    ///
    /// # Errors
    ///
    /// [`FlowError::EmptySelection`] if the first comes after the last, or all are left out.
    pub fn stages(&self) -> Result<Vec<&'static str>, FlowError> {
        let place = |stage: Option<&str>, default: usize| {
            stage.and_then(|wanted| INIT_STAGES.iter().position(|s| *s == wanted)).unwrap_or(default)
        };
        let (first, last) = (place(self.from, 0), place(self.until, INIT_STAGES.len() - 1));
        let stages: Vec<&'static str> = INIT_STAGES
            .iter()
            .enumerate()
            .filter(|(index, stage)| (first..=last).contains(index) && !self.skip.contains(stage))
            .map(|(_, stage)| *stage)
            .collect();
        if stages.is_empty() {
            return Err(FlowError::EmptySelection {
                from: self.from.unwrap_or("preflight"),
                until: self.until.unwrap_or("addons"),
            });
        }
        Ok(stages)
    }
}

fn known(stage: &str) -> Result<&'static str, FlowError> {
    INIT_STAGES
        .iter()
        .find(|known| **known == stage)
        .copied()
        .ok_or_else(|| FlowError::UnknownStage { found: stage.chars().take(64).collect() })
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
    }
}
