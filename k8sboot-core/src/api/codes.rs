//! The stable numbers of the errors of an API server; also of builds that cannot speak to one.

use crate::error::codes;

codes! {
    /// An option of the client is not usable.
    API_OPTIONS = 7001,
    /// The API server cannot be reached.
    API_UNREACHABLE = 7002,
    /// The TLS connection to the API server fails.
    API_TLS = 7003,
    /// The API server does not answer in time.
    API_TIMEOUT = 7004,
    /// What answers is not an API server, or its answer is damaged.
    API_ANSWER = 7005,
    /// The API server does not know who asks (401).
    API_UNAUTHORIZED = 7006,
    /// Who asks may not do this (403).
    API_FORBIDDEN = 7007,
    /// The object or resource is not there (404).
    API_NOT_FOUND = 7008,
    /// The object is there already, or was changed meanwhile (409).
    API_CONFLICT = 7009,
    /// The API server refuses the object (400, 415, 422).
    API_INVALID = 7010,
    /// The API server is too busy (429).
    API_BUSY = 7011,
    /// The API server has a problem of its own (5xx).
    API_SERVER = 7012,
    /// The call was cancelled.
    API_CANCELLED = 7013,
    /// A watch is too old to go on (410).
    API_EXPIRED = 7014,
    /// The thread that speaks to the API server cannot be started or has ended.
    API_RUNTIME = 7015,
}
