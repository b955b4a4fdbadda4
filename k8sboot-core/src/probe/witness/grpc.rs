//! Unary calls to a runtime over its unix socket.

use prost::Message;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    metadata::AsciiMetadataValue,
    transport::{Channel, Endpoint, Error},
};
use tonic_prost::ProstCodec;

use super::{WitnessError, socket::Server};

/// Answers may have this many bytes; a sandbox with labels takes about one kilobyte.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// A connection to a runtime.
pub(super) struct Client<'a> {
    server: Server<'a>,
    grpc: Grpc<Channel>,
}

impl<'a> Client<'a> {
    pub(super) async fn connect(server: Server<'a>) -> Result<Self, WitnessError> {
        let failed = |error: Error| server.answer("the connection", crate::error::chain(&error));
        let address = format!("unix://{}", server.path.display());
        let channel = Endpoint::from_shared(address).map_err(failed)?.connect().await.map_err(failed)?;
        let grpc = Grpc::new(channel).max_decoding_message_size(LARGEST_ANSWER);
        Ok(Self { server, grpc })
    }

    /// Asks `/SERVICE/METHOD`; `namespace` is containerd's, for services that want one.
    pub(super) async fn call<Q, A>(
        &mut self,
        service: &str,
        method: &str,
        namespace: Option<&str>,
        question: Q,
    ) -> Result<A, Status>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let path: PathAndQuery =
            format!("/{service}/{method}").parse().map_err(|_| Status::internal("the method has no path"))?;
        let mut request = Request::new(question);
        if let Some(namespace) = namespace {
            let value = AsciiMetadataValue::try_from(namespace)
                .map_err(|_| Status::internal("the namespace is no plain text"))?;
            request.metadata_mut().insert("containerd-namespace", value);
        }
        self.grpc.ready().await.map_err(|error| Status::unavailable(crate::error::chain(&error)))?;
        Ok(self.grpc.unary(request, path, ProstCodec::<Q, A>::default()).await?.into_inner())
    }

    /// The error for a question that was refused.
    pub(super) fn refused(&self, request: &'static str, status: &Status) -> WitnessError {
        self.server.answer(request, format!("{:?}: {}", status.code(), status.message()))
    }

    /// The error for a server that does not know a service.
    pub(super) fn unknown(&self, expected: &'static str) -> WitnessError {
        WitnessError::Protocol { runtime: self.server.runtime, path: self.server.path.to_owned(), expected }
    }
}

/// Whether a server does not know the service.
pub(super) fn is_unknown(status: &Status) -> bool {
    status.code() == Code::Unimplemented
}
