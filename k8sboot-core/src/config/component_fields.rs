//! How the Go types of the components' configurations are described.

/// A field of a Go structure.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) zero: Zero,
}

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Text,
    Flag,
    Integer,
    Number,
    /// `1m30s`.
    Duration,
    /// A whole number of nanoseconds, or a duration.
    NanosecondsOrDuration,
    /// `64Ki`.
    Quantity,
    List(&'static Shape),
    Map(&'static Shape),
    Struct(&'static [Field]),
    /// Anything: carried through as it is.
    Any,
}

/// What is printed of a zero value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zero {
    /// Nothing (`omitempty`).
    LeftOut,
    /// The zero value if it was given: a pointer tells "zero" from "not given".
    Kept,
    /// The zero value, also if nothing was given.
    Printed,
    /// `null` if nothing was given.
    Null,
}

pub(crate) const fn field(name: &'static str, shape: Shape, zero: Zero) -> Field {
    Field { name, shape, zero }
}

/// Where a component logs to.
///
/// Source: k8s.io/component-base/logs/api/v1 (Kubernetes 1.36).
pub(super) const LOGGING: &[Field] = &[
    field("flushFrequency", Shape::NanosecondsOrDuration, Zero::Printed),
    field("format", Shape::Text, Zero::LeftOut),
    field(
        "options",
        Shape::Struct(&[
            field("json", Shape::Struct(LOG_OUTPUT), Zero::Printed),
            field("text", Shape::Struct(LOG_OUTPUT), Zero::Printed),
        ]),
        Zero::Printed,
    ),
    field("verbosity", Shape::Integer, Zero::Printed),
    field(
        "vmodule",
        Shape::List(&Shape::Struct(&[
            field("filePattern", Shape::Text, Zero::Printed),
            field("verbosity", Shape::Integer, Zero::Printed),
        ])),
        Zero::LeftOut,
    ),
];

const LOG_OUTPUT: &[Field] = &[
    field("infoBufferSize", Shape::Quantity, Zero::Printed),
    field("splitStream", Shape::Flag, Zero::LeftOut),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_sorted_and_differ() {
        fn sorted(fields: &[Field]) {
            assert!(fields.is_sorted_by(|a, b| a.name < b.name), "{fields:?}");
            for field in fields {
                inner(field.shape);
            }
        }
        fn inner(shape: Shape) {
            match shape {
                Shape::Struct(fields) => sorted(fields),
                Shape::List(shape) | Shape::Map(shape) => inner(*shape),
                _ => {}
            }
        }
        sorted(super::super::kubelet_fields::FIELDS);
        sorted(super::super::kube_proxy_fields::FIELDS);
    }
}
