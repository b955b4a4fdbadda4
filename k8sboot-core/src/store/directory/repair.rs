//! Repair of host-local's directory: what is not as it should be, what helps, and doing it under the locks.

use std::{io, net::IpAddr};

use rustix::fs::FileType;
use serde_json::{Value, json};

use super::{DirectoryStore, files::Files, findings, listing::Listing};
use crate::{
    error::chain,
    store::{StoreError, StoreOp},
};

/// Version of the JSON form of findings and repairs. Consumers must ignore members they do not know.
pub const REPAIR_SCHEMA: &str = "k8sboot.repair/v1";

/// What may be repaired. The default removes nothing that somebody may want.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairOptions {
    /// Remove records whose content is nobody's. Default: false, they are told only.
    pub remove_foreign: bool,
    /// Addresses that are in use whatever their record says: nothing of them is removed. Default: none.
    pub live: Vec<IpAddr>,
}

impl RepairOptions {
    /// Sets [`remove_foreign`](Self::remove_foreign).
    #[must_use]
    pub const fn remove_foreign(mut self, remove: bool) -> Self {
        self.remove_foreign = remove;
        self
    }

    /// Sets [`live`](Self::live), for example from a [`LeakReport`](crate::ipam::leak::LeakReport).
    #[must_use]
    pub fn live(mut self, live: impl IntoIterator<Item = IpAddr>) -> Self {
        self.live = live.into_iter().map(|address| address.to_canonical()).collect();
        self
    }
}

/// What is wrong with a file of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    /// The record is empty: its writer died before it wrote. No DEL ever matches it.
    Empty,
    /// The record is cut off or its bytes are zero, as after a power cut.
    Torn,
    /// The container ID and the interface name are parted by another line end than CR LF. No DEL matches it.
    LineEnd,
    /// The content is no owner.
    ForeignContent,
    /// The name is no address, and none of host-local's own.
    ForeignName,
    /// A directory, link, device or unreadable file is in a record's or marker's place.
    NoFile,
    /// The record is in a directory below; it does not stand in the way of giving the address.
    Nested,
    /// The address is spelt otherwise; the record does not stand in the way of giving the address.
    #[non_exhaustive]
    Spelling {
        /// How it should be spelt.
        canonical: String,
    },
    /// The address is spelt otherwise, and the same owner's record is there in the right spelling.
    #[non_exhaustive]
    SpeltTwice {
        /// The other record.
        canonical: String,
    },
    /// The address is spelt otherwise, and another owner's record is there in the right spelling: two hold one address.
    #[non_exhaustive]
    TwoOwners {
        /// The other record.
        canonical: String,
    },
    /// The attachment has another record in the same range set.
    #[non_exhaustive]
    SecondRecord {
        /// The other record.
        first: String,
        /// The index of the range set.
        set: usize,
    },
    /// The marker of a range set is of no use; the search then begins at the first address.
    #[non_exhaustive]
    Marker {
        /// Why.
        problem: &'static str,
    },
    /// The record is in no configured range: left from another configuration.
    OutsideRanges,
}

impl Defect {
    /// For reports, for example `empty`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Torn => "torn",
            Self::LineEnd => "line-end",
            Self::ForeignContent => "foreign-content",
            Self::ForeignName => "foreign-name",
            Self::NoFile => "no-file",
            Self::Nested => "nested",
            Self::Spelling { .. } => "spelling",
            Self::SpeltTwice { .. } => "spelt-twice",
            Self::TwoOwners { .. } => "two-owners",
            Self::SecondRecord { .. } => "second-record",
            Self::Marker { .. } => "marker",
            Self::OutsideRanges => "outside-ranges",
        }
    }

    /// What is wrong, and what a human can do about it where no repair does.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Empty => "the record is empty: its writer died".into(),
            Self::Torn => "the record is cut off, as after a power cut".into(),
            Self::LineEnd => "the record has another line end than CR LF, so that no DEL matches it".into(),
            Self::ForeignContent => {
                "the content is no owner: find out who wrote it; it holds the address until it is removed"
                    .into()
            }
            Self::ForeignName => "the name is no address: it does no harm, move it away".into(),
            Self::NoFile => "it is no readable regular file: move it away".into(),
            Self::Nested => {
                "the record is in a directory below, where it does not hold the address: move it away".into()
            }
            Self::Spelling { canonical } => {
                format!("the address is spelt otherwise than {canonical}, so that it may be given again")
            }
            Self::SpeltTwice { canonical } => format!("the same record is there as {canonical}"),
            Self::TwoOwners { canonical } => {
                format!("{canonical} is held by somebody else: delete one of the two containers")
            }
            Self::SecondRecord { first, set } => format!(
                "the attachment holds {first} of range set {set} already: its DEL frees both; if it lives, remove the one that is not on its interface"
            ),
            Self::Marker { problem } => format!("the marker is of no use: {problem}"),
            Self::OutsideRanges => {
                "the address is in no configured range: its container's DEL or a collection frees it".into()
            }
        }
    }
}

/// What helps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Remove the file.
    Remove,
    /// Give it another name, which must be free.
    #[non_exhaustive]
    Rename {
        /// The name.
        to: String,
    },
    /// Put other content in its place.
    #[non_exhaustive]
    Rewrite {
        /// The content.
        content: String,
    },
    /// Nothing that a program may decide.
    Report,
}

/// A file that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The name below the network's directory.
    pub name: String,
    /// What is wrong.
    pub defect: Defect,
    /// What helps.
    pub remedy: Remedy,
    /// What is in the file, so that a repair can be undone.
    pub content: Vec<u8>,
    pub(super) version: u64,
}

/// What became of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The remedy was applied.
    Repaired,
    /// The file is no longer what was found: left alone.
    Changed,
    /// There is nothing that a program may decide: left alone.
    Reported,
    /// The remedy failed.
    #[non_exhaustive]
    Failed {
        /// Why.
        why: String,
    },
}

impl DirectoryStore {
    /// Looks for files that are not as they should be; changes nothing.
    ///
    /// An empty record that is seen here was left by a writer that died: whoever follows the locks writes under them.
    ///
    /// # Errors
    ///
    /// What hindered the store.
    ///
    /// # Examples
    ///
    /// ```
    /// # let data = std::env::temp_dir().join(format!("k8sboot-doc-repair-{}", std::process::id()));
    /// # use k8sboot_core::{ipam::Ranges, store::{DirectoryOptions, DirectoryStore, directory::{Outcome, RepairOptions}}};
    /// let store = DirectoryStore::open(&data, "cbr0", Ranges::none(), DirectoryOptions::new())?;
    /// std::fs::write(data.join("cbr0/10.244.1.7"), "")?;
    /// let found = store.findings(&RepairOptions::default())?;
    /// assert_eq!(found[0].name, "10.244.1.7");
    /// assert_eq!(store.repair(&found)?, [Outcome::Repaired]);
    /// assert!(store.findings(&RepairOptions::default())?.is_empty());
    /// # std::fs::remove_dir_all(&data)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn findings(&self, options: &RepairOptions) -> Result<Vec<Finding>, StoreError> {
        self.locked(|files, _| findings::find(files, &Listing::read(files)?, self.ranges(), options))
    }

    /// Applies the remedies, each only if its file is still what was found; an outcome for each finding.
    ///
    /// # Errors
    ///
    /// What hindered the store from being locked and read, or a durable one from keeping the change. A remedy that fails
    /// is an [`Outcome::Failed`], and the others are applied all the same.
    pub fn repair(&self, findings: &[Finding]) -> Result<Vec<Outcome>, StoreError> {
        let (outcomes, promise) = self.locked(|files, knowledge| {
            knowledge.distrust();
            let outcome = |finding: &Finding| match apply(files, finding) {
                Ok(outcome) => outcome,
                Err(error) => Outcome::Failed { why: chain(&error) },
            };
            let outcomes = findings.iter().map(outcome).collect();
            Ok((outcomes, files.log.promise()))
        })?;
        promise.keep().map(|()| outcomes)
    }
}

fn apply(files: &mut Files, finding: &Finding) -> Result<Outcome, StoreError> {
    if finding.remedy == Remedy::Report {
        return Ok(Outcome::Reported);
    }
    let unchanged = files
        .look(&finding.name)?
        .is_some_and(|now| now.kind == FileType::RegularFile && now.version() == finding.version);
    if !unchanged {
        return Ok(Outcome::Changed);
    }
    match &finding.remedy {
        Remedy::Remove => {
            files.unlink(&finding.name)?;
        }
        // Made and removed as records are, so that a journal of the store is told; a kill between leaves both, which is
        // found and repaired again.
        Remedy::Rename { to } => {
            if files.create_complete(to, &finding.content)?.is_none() {
                return Err(files.error(StoreOp::Rename, &finding.name, io::ErrorKind::AlreadyExists));
            }
            files.unlink(&finding.name)?;
        }
        Remedy::Rewrite { content } => {
            files.replace(&finding.name, content.as_bytes())?;
        }
        Remedy::Report => {}
    }
    Ok(Outcome::Repaired)
}

impl Remedy {
    /// For reports, for example `rename to 2001:db8::1`.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Remove => "remove".to_owned(),
            Self::Rename { to } => format!("rename to {to}"),
            Self::Rewrite { content } => format!("rewrite as {content:?}"),
            Self::Report => "leave".to_owned(),
        }
    }
}

impl Outcome {
    /// For reports, for example `repaired`.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Repaired => "repaired".to_owned(),
            Self::Changed => "left alone: it has changed".to_owned(),
            Self::Reported => "left alone: a human must decide".to_owned(),
            Self::Failed { why } => format!("failed: {why}"),
        }
    }
}

/// Findings as JSON, with their outcomes if there are any: `schema`, `findings` (`name`, `defect`, `text`, `remedy`,
/// `content`, `contentHex` if it is no text, `outcome`).
#[must_use]
pub fn repair_json(findings: &[Finding], outcomes: &[Outcome]) -> Value {
    let mut outcomes = outcomes.iter();
    let each = |finding: &Finding| {
        let text = std::str::from_utf8(&finding.content).ok();
        let hex = || finding.content.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        json!({
            "name": finding.name,
            "defect": finding.defect.name(),
            "text": finding.defect.to_text(),
            "remedy": finding.remedy.to_text(),
            "content": text,
            "contentHex": text.is_none().then(hex),
            "outcome": outcomes.next().map(Outcome::to_text),
        })
    };
    json!({ "schema": REPAIR_SCHEMA, "findings": findings.iter().map(each).collect::<Vec<_>>() })
}

/// Findings as text, a line each, with their outcomes if there are any.
#[must_use]
pub fn repair_text(findings: &[Finding], outcomes: &[Outcome]) -> String {
    let mut outcomes = outcomes.iter();
    let line = |finding: &Finding| {
        let what = outcomes.next().map_or_else(|| finding.remedy.to_text(), Outcome::to_text);
        let content = String::from_utf8_lossy(&finding.content);
        format!("{}: {} [{content:?}]: {what}\n", finding.name, finding.defect.to_text())
    };
    findings.iter().map(line).collect()
}
