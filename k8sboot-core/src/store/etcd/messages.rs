//! The messages of etcd's v3 API that are used here, written by hand so that no protoc is needed.
//!
//! Source: etcd, `api/etcdserverpb/rpc.proto` and `api/mvccpb/kv.proto`, the same in 3.4 to 3.6. Fields that are not used
//! are left out; protobuf skips what it does not know.

use std::fmt;

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Header {
    #[prost(int64, tag = "3")]
    pub(super) revision: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct KeyValue {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) key: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub(super) create_revision: i64,
    #[prost(int64, tag = "3")]
    pub(super) mod_revision: i64,
    #[prost(bytes = "vec", tag = "5")]
    pub(super) value: Vec<u8>,
    #[prost(int64, tag = "6")]
    pub(super) lease: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RangeRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) range_end: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub(super) limit: i64,
    #[prost(int64, tag = "4")]
    pub(super) revision: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RangeResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) header: Option<Header>,
    #[prost(message, repeated, tag = "2")]
    pub(super) kvs: Vec<KeyValue>,
    #[prost(bool, tag = "3")]
    pub(super) more: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub(super) lease: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PutResponse {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DeleteRangeRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) range_end: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DeleteRangeResponse {
    #[prost(int64, tag = "2")]
    pub(super) deleted: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RequestOp {
    #[prost(oneof = "Request", tags = "1, 2, 3")]
    pub(super) request: Option<Request>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Request {
    #[prost(message, tag = "1")]
    Range(RangeRequest),
    #[prost(message, tag = "2")]
    Put(PutRequest),
    #[prost(message, tag = "3")]
    Delete(DeleteRangeRequest),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ResponseOp {
    #[prost(oneof = "Response", tags = "1, 2, 3")]
    pub(super) response: Option<Response>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Response {
    #[prost(message, tag = "1")]
    Range(RangeResponse),
    #[prost(message, tag = "2")]
    Put(PutResponse),
    #[prost(message, tag = "3")]
    Delete(DeleteRangeResponse),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Compare {
    /// 0 equal, 1 greater, 2 less, 3 not equal.
    #[prost(int32, tag = "1")]
    result: i32,
    /// 0 version, 1 create revision, 2 mod revision, 3 value, 4 lease.
    #[prost(int32, tag = "2")]
    target: i32,
    #[prost(bytes = "vec", tag = "3")]
    key: Vec<u8>,
    #[prost(oneof = "Target", tags = "4, 5, 6, 7")]
    with: Option<Target>,
    #[prost(bytes = "vec", tag = "64")]
    range_end: Vec<u8>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Target {
    #[prost(int64, tag = "4")]
    Version(i64),
    #[prost(int64, tag = "5")]
    Create(i64),
    #[prost(int64, tag = "6")]
    Mod(i64),
    #[prost(bytes, tag = "7")]
    Value(Vec<u8>),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TxnRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) compare: Vec<Compare>,
    #[prost(message, repeated, tag = "2")]
    pub(super) success: Vec<RequestOp>,
    #[prost(message, repeated, tag = "3")]
    pub(super) failure: Vec<RequestOp>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TxnResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) header: Option<Header>,
    #[prost(bool, tag = "2")]
    pub(super) succeeded: bool,
    #[prost(message, repeated, tag = "3")]
    pub(super) responses: Vec<ResponseOp>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LeaseGrantRequest {
    #[prost(int64, tag = "1")]
    pub(super) ttl: i64,
    #[prost(int64, tag = "2")]
    pub(super) id: i64,
}

/// The answer to a grant, a keep-alive and a question for the time to live alike.
#[derive(Clone, PartialEq, Message)]
pub(super) struct LeaseResponse {
    #[prost(int64, tag = "2")]
    pub(super) id: i64,
    /// Seconds; 0 from a keep-alive and -1 from a question: there is no such lease.
    #[prost(int64, tag = "3")]
    pub(super) ttl: i64,
}

/// A revocation, a keep-alive and a question for the time to live alike.
#[derive(Clone, PartialEq, Message)]
pub(super) struct LeaseRequest {
    #[prost(int64, tag = "1")]
    pub(super) id: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LeaseRevokeResponse {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct WatchRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) create: Option<WatchCreate>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct WatchCreate {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) range_end: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub(super) start_revision: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct WatchResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) header: Option<Header>,
    #[prost(bool, tag = "3")]
    pub(super) created: bool,
    #[prost(bool, tag = "4")]
    pub(super) canceled: bool,
    #[prost(int64, tag = "5")]
    pub(super) compact_revision: i64,
    #[prost(string, tag = "6")]
    pub(super) cancel_reason: String,
    #[prost(message, repeated, tag = "11")]
    pub(super) events: Vec<Event>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    /// 0 put, 1 delete.
    #[prost(int32, tag = "1")]
    pub(super) kind: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) kv: Option<KeyValue>,
}

/// Has a secret, and is not printed.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct AuthenticateRequest {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) password: String,
}

/// Has a secret, and is not printed.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(super) struct AuthenticateResponse {
    #[prost(string, tag = "2")]
    pub(super) token: String,
}

impl fmt::Debug for AuthenticateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateRequest").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for AuthenticateResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateResponse").finish_non_exhaustive()
    }
}

impl Compare {
    /// The key does not exist.
    pub(super) fn absent(key: impl Into<Vec<u8>>) -> Self {
        Self::on(key.into(), Vec::new(), 0, 1, Target::Create(0))
    }

    /// The key exists and was not changed since.
    pub(super) fn unchanged(key: impl Into<Vec<u8>>, mod_revision: i64) -> Self {
        Self::on(key.into(), Vec::new(), 0, 2, Target::Mod(mod_revision))
    }

    /// No key with this prefix was created after a revision. Keys that are gone do not matter.
    pub(super) fn none_created_since(prefix: impl Into<Vec<u8>>, revision: i64) -> Self {
        let prefix = prefix.into();
        let end = end_of(&prefix);
        Self::on(prefix, end, 2, 1, Target::Create(revision.saturating_add(1)))
    }

    fn on(key: Vec<u8>, range_end: Vec<u8>, result: i32, target: i32, with: Target) -> Self {
        Self { result, target, key, with: Some(with), range_end }
    }
}

impl RangeRequest {
    /// One key.
    pub(super) fn one(key: impl Into<Vec<u8>>) -> Self {
        Self { key: key.into(), ..Self::default() }
    }

    /// Every key with a prefix.
    pub(super) fn prefix(prefix: impl Into<Vec<u8>>) -> Self {
        let key = prefix.into();
        Self { range_end: end_of(&key), key, ..Self::default() }
    }
}

impl RequestOp {
    pub(super) fn range(request: RangeRequest) -> Self {
        Self { request: Some(Request::Range(request)) }
    }

    /// A put; lease 0 is none.
    pub(super) fn put(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>, lease: i64) -> Self {
        Self { request: Some(Request::Put(PutRequest { key: key.into(), value: value.into(), lease })) }
    }

    pub(super) fn delete_prefix(prefix: impl Into<Vec<u8>>) -> Self {
        let key = prefix.into();
        let request = DeleteRangeRequest { range_end: end_of(&key), key };
        Self { request: Some(Request::Delete(request)) }
    }

    pub(super) fn delete(key: impl Into<Vec<u8>>) -> Self {
        let request = DeleteRangeRequest { key: key.into(), range_end: Vec::new() };
        Self { request: Some(Request::Delete(request)) }
    }
}

impl TxnResponse {
    pub(super) fn revision(&self) -> i64 {
        self.header.as_ref().map_or(0, |header| header.revision)
    }

    /// What the ranges of the branch that was taken found, one list a range.
    pub(super) fn ranges(&self) -> impl Iterator<Item = &[KeyValue]> {
        self.responses.iter().filter_map(|op| match &op.response {
            Some(Response::Range(range)) => Some(range.kvs.as_slice()),
            _ => None,
        })
    }
}

/// The first key after every key with this prefix; `\0` is the end of all keys.
pub(super) fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    vec![0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_key() {
        assert_eq!(end_of(b"/a/"), b"/a0");
        assert_eq!(end_of(b"a\xff"), b"b");
        assert_eq!(end_of(b"\xff\xff"), b"\0");
        assert_eq!(end_of(b""), b"\0");
    }

    /// The bytes follow from the field numbers of rpc.proto.
    #[test]
    fn requests_are_encoded_as_etcd_reads_them() {
        let txn = TxnRequest {
            compare: vec![Compare::unchanged("k", 7), Compare::none_created_since("p", 2)],
            success: vec![RequestOp::put("k", "v", 9)],
            failure: vec![RequestOp::range(RangeRequest::prefix("p"))],
        };
        let expected = [
            &[0x0a, 7, 0x10, 2, 0x1a, 1, b'k', 0x30, 7][..],
            &[0x0a, 13, 0x08, 2, 0x10, 1, 0x1a, 1, b'p', 0x28, 3, 0x82, 0x04, 1, b'q'],
            &[0x12, 10, 0x12, 8, 0x0a, 1, b'k', 0x12, 1, b'v', 0x18, 9],
            &[0x1a, 8, 0x0a, 6, 0x0a, 1, b'p', 0x12, 1, b'q'],
        ];
        assert_eq!(txn.encode_to_vec(), expected.concat());
    }

    #[test]
    fn answers_are_read_whatever_else_is_in_them() {
        let event = [0x08, 1, 0x12, 5, 0x0a, 1, b'k', 0x18, 9, 0x1a, 0];
        let mut bytes = vec![0x0a, 4, 0x08, 1, 0x18, 12, 0x28, 3, 0x5a, 11];
        bytes.extend(event);
        let watch = WatchResponse::decode(bytes.as_slice()).unwrap();
        assert_eq!((watch.header.unwrap().revision, watch.compact_revision), (12, 3));
        assert_eq!((watch.events[0].kind, watch.events[0].kv.as_ref().unwrap().mod_revision), (1, 9));
    }
}
