//! Distinguished names: written as Go writes them, read as anyone may have written them.

use std::fmt;

use x509_parser::prelude::{FromDer, X509Name};

use super::{
    der::{Der, oid},
    error::PkiError,
};

/// Whom a certificate names: for the API server the user (`common_name`) and its groups (`organizations`).
///
/// Source: Kubernetes "Authenticating", X.509 client certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Subject {
    /// O, the groups. Their order does not survive: X.509 holds them as a set.
    pub organizations: Vec<String>,
    /// CN, the user.
    pub common_name: String,
}

impl Subject {
    /// A subject without organizations.
    #[must_use]
    pub fn named(common_name: impl Into<String>) -> Self {
        Self { organizations: Vec::new(), common_name: common_name.into() }
    }

    /// Adds organizations.
    #[must_use]
    pub fn with_organizations<T: Into<String>>(mut self, organizations: impl IntoIterator<Item = T>) -> Self {
        self.organizations.extend(organizations.into_iter().map(Into::into));
        self
    }

    /// The DER of the name, byte for byte as Go's `crypto/x509/pkix` writes it: all O in one RDN, in DER order, then
    /// CN; PrintableString where the characters allow it, else UTF8String.
    pub(super) fn to_der(&self) -> Vec<u8> {
        let attribute = |kind: &[u8], value: &str| {
            Der::build(|der| {
                der.sequence(|der| {
                    der.oid(kind);
                    der.text(value);
                });
            })
        };
        Der::build(|der| {
            der.sequence(|der| {
                if !self.organizations.is_empty() {
                    let values = self.organizations.iter().map(|value| attribute(oid::ORGANIZATION, value));
                    der.set_of(values.collect());
                }
                if !self.common_name.is_empty() {
                    der.set_of(vec![attribute(oid::COMMON_NAME, &self.common_name)]);
                }
            });
        })
    }
}

impl fmt::Display for Subject {
    /// `O=a+O=b,CN=c`, with the escapes of RFC 4514.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Name::from_der(&self.to_der()) {
            Ok(name) => name.fmt(f),
            Err(_) => f.write_str(&self.common_name),
        }
    }
}

/// One attribute of a [`Name`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attribute {
    /// The short name (`CN`, `O`, …), or the dotted object identifier where there is none.
    pub kind: String,
    /// The text; `#` and hexadecimal digits if the value is no text.
    pub value: String,
    /// The ASN.1 string type, for example `PrintableString`; `other` if the value is no text.
    pub encoding: &'static str,
}

/// A distinguished name as it stands in a certificate or request, byte for byte.
#[derive(Clone, PartialEq, Eq)]
pub struct Name {
    der: Vec<u8>,
    rdns: Vec<Vec<Attribute>>,
}

impl Name {
    /// Reads one DER `Name` with nothing after it.
    ///
    /// # Errors
    ///
    /// [`PkiError::Certificate`] if the bytes are something else.
    pub fn from_der(der: &[u8]) -> Result<Self, PkiError> {
        match X509Name::from_der(der) {
            Ok(([], name)) => Ok(Self::from_parsed(&name)),
            _ => Err(PkiError::certificate("name", "a distinguished name (RFC 5280)", "other bytes")),
        }
    }

    pub(super) fn from_parsed(name: &X509Name<'_>) -> Self {
        let attribute = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
            let kind = attribute.attr_type().to_id_string();
            let (value, encoding) = match attribute.as_str() {
                Ok(text) => (text.to_owned(), encoding(attribute.attr_value().tag().0)),
                Err(_) => (format!("#{}", hex(attribute.as_slice())), "other"),
            };
            Attribute { kind: short_name(&kind).map_or(kind, str::to_owned), value, encoding }
        };
        let rdns = name.iter().map(|rdn| rdn.iter().map(attribute).collect()).collect();
        Self { der: name.as_raw().to_vec(), rdns }
    }

    /// The bytes, with tag and length.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The relative names in their order, each with one or more attributes.
    #[must_use]
    pub fn rdns(&self) -> &[Vec<Attribute>] {
        &self.rdns
    }

    /// Organizations and common name; what else the name has is left out. Of several CNs the last one counts, as in Go.
    #[must_use]
    pub fn subject(&self) -> Subject {
        let mut subject = Subject::default();
        for attribute in self.rdns.iter().flatten() {
            match attribute.kind.as_str() {
                "O" => subject.organizations.push(attribute.value.clone()),
                "CN" => subject.common_name.clone_from(&attribute.value),
                _ => {}
            }
        }
        subject
    }
}

impl fmt::Display for Name {
    /// In the order of the certificate, `O=a+O=b,CN=c`, with the escapes of RFC 4514.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rdn) in self.rdns.iter().enumerate() {
            for (place, attribute) in rdn.iter().enumerate() {
                let separator = match (index, place) {
                    (0, 0) => "",
                    (_, 0) => ",",
                    _ => "+",
                };
                write!(f, "{separator}{}={}", attribute.kind, escaped(attribute))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

fn escaped(attribute: &Attribute) -> String {
    if attribute.encoding == "other" {
        return attribute.value.clone();
    }
    let last = attribute.value.chars().count().saturating_sub(1);
    let mut out = String::with_capacity(attribute.value.len());
    for (index, character) in attribute.value.chars().enumerate() {
        let special = matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || (character == '#' && index == 0)
            || (character == ' ' && (index == 0 || index == last));
        if character.is_control() {
            let mut bytes = [0; 4];
            character.encode_utf8(&mut bytes).bytes().for_each(|byte| out.push_str(&format!("\\{byte:02X}")));
            continue;
        }
        if special {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

fn encoding(tag: u32) -> &'static str {
    match tag {
        12 => "UTF8String",
        18 => "NumericString",
        19 => "PrintableString",
        22 => "IA5String",
        _ => "other",
    }
}

/// The short names of RFC 4514 section 3, and SERIALNUMBER as Go prints it.
fn short_name(dotted: &str) -> Option<&'static str> {
    Some(match dotted {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "SERIALNUMBER",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.17" => "POSTALCODE",
        "0.9.2342.19200300.100.1.25" => "DC",
        _ => return None,
    })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn several_organizations_are_one_set_in_der_order_before_the_common_name() {
        let subject = Subject::named("jane").with_organizations(["system:masters", "z", "a-team"]);
        let name = Name::from_der(&subject.to_der()).unwrap();
        assert_eq!(name.to_string(), "O=z+O=a-team+O=system:masters,CN=jane");
        assert_eq!(name.rdns()[0][0].encoding, "PrintableString");
        assert_eq!(
            Name::from_der(&Subject::named("a@b").to_der()).unwrap().rdns()[0][0].encoding,
            "UTF8String"
        );
    }

    #[test]
    fn bytes_are_those_of_go() {
        // SEQUENCE { SET { SEQUENCE { O, PrintableString } }, SET { SEQUENCE { CN, PrintableString } } }, put together by hand.
        let der = Subject::named("kubernetes-admin").with_organizations(["kubeadm:cluster-admins"]).to_der();
        let expected = b"\x30\x3c\x31\x1f\x30\x1d\x06\x03\x55\x04\x0a\x13\x16kubeadm:cluster-admins\x31\x19\x30\x17\x06\x03\x55\x04\x03\x13\x10kubernetes-admin";
        assert_eq!(der, expected);
        assert_eq!(Subject::default().to_der(), b"\x30\x00");
    }

    #[test]
    fn prints_so_that_no_two_names_look_alike() {
        for (common_name, printed) in
            [("a,CN=b", "CN=a\\,CN=b"), (" #a ", "CN=\\ #a\\ "), ("#a", "CN=\\#a"), ("a\nb", "CN=a\\0Ab")]
        {
            assert_eq!(Subject::named(common_name).to_string(), printed);
        }
    }

    proptest! {
        #[test]
        fn names_round_trip(common_name in "\\PC{1,40}", organizations in prop::collection::vec("\\PC{0,20}", 0..4)) {
            let subject = Subject { organizations, common_name };
            let der = subject.to_der();
            let read = Name::from_der(&der).unwrap();
            prop_assert_eq!(read.der(), &der[..]);
            let again = read.subject();
            prop_assert_eq!(again.to_der(), der);
            prop_assert_eq!(&again.common_name, &subject.common_name);
            let sorted = |mut list: Vec<String>| { list.sort(); list };
            prop_assert_eq!(sorted(again.organizations), sorted(subject.organizations));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(name) = Name::from_der(&bytes) {
                prop_assert_eq!(name.der(), &bytes[..]);
                let _ = name.to_string();
            }
        }
    }
}
