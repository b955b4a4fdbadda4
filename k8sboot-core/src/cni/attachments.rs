//! Which attachments a runtime holds valid, as GC is told.

use super::{error::CniError, go_json::Fields, json::Json};

/// A container and one of its interfaces, as GC names them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValidAttachment {
    /// The container ID.
    pub container: String,
    /// The interface name.
    pub interface: String,
}

/// Which attachments a runtime holds valid.
///
/// Source: CNI specification 1.1.0, "GC". An empty list means that nothing is valid; an absent key that nobody said; and
/// `null` is written by Go runtimes for an empty list, but cannot be told from a mistake. Only the first may free things.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValidAttachments {
    /// The key is not there.
    Absent,
    /// The key is there with `null`.
    Null,
    /// These, and no others.
    These(Vec<ValidAttachment>),
}

/// The key of the specification.
pub(super) const VALID_ATTACHMENTS: &str = "cni.dev/valid-attachments";
/// The key of an early text of the specification, sent beside the other one.
pub(super) const ATTACHMENTS: &str = "cni.dev/attachments";

impl ValidAttachments {
    /// Reads `cni.dev/valid-attachments`, or `cni.dev/attachments` if that is absent.
    ///
    /// If both are lists, what either holds is valid.
    ///
    /// # Errors
    ///
    /// [`CniError::Field`] if one is neither a list nor `null`, or an item is no object of texts.
    pub fn read(fields: &Fields<'_>) -> Result<Self, CniError> {
        let (first, second) =
            (Self::read_key(fields, VALID_ATTACHMENTS)?, Self::read_key(fields, ATTACHMENTS)?);
        Ok(match (first, second) {
            (Self::These(mut first), Self::These(second)) => {
                first.extend(second);
                first.sort();
                first.dedup();
                Self::These(first)
            }
            (Self::Absent, second) => second,
            (first, _) => first,
        })
    }

    fn read_key(fields: &Fields<'_>, key: &str) -> Result<Self, CniError> {
        use super::go_json::Presence;
        let Some(items) = fields.list(key)? else {
            return Ok(match fields.presence(key) {
                Presence::Absent => Self::Absent,
                Presence::Null | Presence::Value(_) => Self::Null,
            });
        };
        let read = |item: &super::Item<'_>| {
            let fields = item.fields()?;
            Ok(ValidAttachment {
                container: fields.text("containerID")?.unwrap_or_default().to_owned(),
                interface: fields.text("ifname")?.unwrap_or_default().to_owned(),
            })
        };
        items.iter().map(read).collect::<Result<_, _>>().map(Self::These)
    }

    /// As the value of the key; `None` if it is absent.
    #[must_use]
    pub fn to_json(&self) -> Option<Json> {
        match self {
            Self::Absent => None,
            Self::Null => Some(Json::Null),
            Self::These(list) => Some(Json::List(
                list.iter()
                    .map(|one| {
                        Json::Object(vec![
                            ("containerID".to_owned(), Json::text(&one.container)),
                            ("ifname".to_owned(), Json::text(&one.interface)),
                        ])
                    })
                    .collect(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ValidAttachments, CniError> {
        ValidAttachments::read(&Json::parse(text.as_bytes()).unwrap().fields().unwrap())
    }

    fn these(list: &[(&str, &str)]) -> ValidAttachments {
        ValidAttachments::These(
            list.iter()
                .map(|(c, i)| ValidAttachment { container: (*c).to_owned(), interface: (*i).to_owned() })
                .collect(),
        )
    }

    #[test]
    fn empty_null_and_absent_are_three_things() {
        for (text, want) in [
            ("{}", ValidAttachments::Absent),
            (r#"{"cni.dev/valid-attachments":null}"#, ValidAttachments::Null),
            (r#"{"cni.dev/valid-attachments":null,"cni.dev/attachments":[]}"#, ValidAttachments::Null),
            (r#"{"cni.dev/attachments":null}"#, ValidAttachments::Null),
            (r#"{"cni.dev/valid-attachments":[]}"#, these(&[])),
            (
                r#"{"cni.dev/attachments":[{"containerid":"a","IfName":"eth0","other":1}]}"#,
                these(&[("a", "eth0")]),
            ),
            (
                r#"{"cni.dev/valid-attachments":[{"containerID":"b","ifname":"e"}],"cni.dev/attachments":[{"containerID":"a","ifname":"e"}]}"#,
                these(&[("a", "e"), ("b", "e")]),
            ),
        ] {
            let got = read(text).unwrap();
            assert_eq!(got, want, "{text}");
            let again = got.to_json().map(|json| Json::Object(vec![(VALID_ATTACHMENTS.to_owned(), json)]));
            let again = again.unwrap_or(Json::Object(Vec::new()));
            assert_eq!(ValidAttachments::read(&again.fields().unwrap()), Ok(want));
        }
    }

    #[test]
    fn other_types_are_refused() {
        for text in [
            r#"{"cni.dev/valid-attachments":{}}"#,
            r#"{"cni.dev/valid-attachments":"[]"}"#,
            r#"{"cni.dev/valid-attachments":["a"]}"#,
            r#"{"cni.dev/valid-attachments":[{"containerID":5}]}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
