//! Requests and responses on a stream: four bytes of length, little-endian, and the message's SCALE encoding.

use std::{io, sync::Arc};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{request_response, StreamProtocol};
use tokio::sync::Semaphore;

use crate::messages::{Message, Request, Response};

/// How much is read at once, and counted against the memory for reading.
const CHUNK: usize = 64 << 10;

/// Reads and writes messages. Memory grows with what really arrives, not with what a length announces, and never beyond a
/// budget shared by all streams.
#[derive(Clone)]
pub(crate) struct ScaleCodec {
    /// One permit a chunk.
    budget: Arc<Semaphore>,
}

impl ScaleCodec {
    pub(crate) fn new(reading_bytes: usize) -> Self {
        Self { budget: Arc::new(Semaphore::new(reading_bytes.div_ceil(CHUNK))) }
    }

    async fn read<M: Message>(&self, io: &mut (impl AsyncRead + Unpin + Send)) -> io::Result<M> {
        let mut length = [0; 4];
        io.read_exact(&mut length).await?;
        let length = u32::from_le_bytes(length) as usize;
        if length > M::MAX_BYTES {
            return Err(invalid(format!("{length} bytes announced, {} allowed", M::MAX_BYTES)));
        }
        let mut permits = Vec::new();
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let permit = self.budget.try_acquire().map_err(|_| {
                io::Error::new(io::ErrorKind::OutOfMemory, "too much is being read at once; try again later")
            })?;
            permits.push(permit);
            let start = bytes.len();
            bytes.resize(length.min(start + CHUNK), 0);
            io.read_exact(&mut bytes[start..]).await?;
        }
        M::from_bytes(&bytes).map_err(invalid)
    }

    async fn write<M: Message>(&self, io: &mut (impl AsyncWrite + Unpin + Send), message: M) -> io::Result<()> {
        let bytes = message.to_bytes().map_err(invalid)?;
        // Half the memory while a slow peer takes its time.
        drop(message);
        io.write_all(&(bytes.len() as u32).to_le_bytes()).await?;
        io.write_all(&bytes).await?;
        io.close().await
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl request_response::Codec for ScaleCodec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.read(io).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.read(io).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Request) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write(io, request).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: Response) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write(io, response).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{MAX_MESSAGE_BYTES, MAX_SCRIPT_BYTES};
    use futures::{executor::block_on, io::Cursor};

    fn framed(length: u32, bytes: &[u8]) -> Cursor<Vec<u8>> {
        Cursor::new([&length.to_le_bytes()[..], bytes].concat())
    }

    #[test]
    fn what_is_written_is_read() {
        let codec = ScaleCodec::new(MAX_MESSAGE_BYTES);
        let blob = Response::Blob(vec![7; MAX_SCRIPT_BYTES]);
        let mut stream = Cursor::new(Vec::new());
        block_on(codec.write(&mut stream, blob.clone())).unwrap();
        stream.set_position(0);
        assert_eq!(block_on(codec.read::<Response>(&mut stream)).unwrap(), blob);
        // The budget came back.
        stream.set_position(0);
        assert_eq!(block_on(codec.read::<Response>(&mut stream)).unwrap(), blob);
    }

    #[test]
    fn lies_about_the_length_are_refused() {
        let codec = ScaleCodec::new(MAX_MESSAGE_BYTES);
        let announced = block_on(codec.read::<Response>(&mut framed(MAX_MESSAGE_BYTES as u32 + 1, &[])));
        assert_eq!(announced.unwrap_err().kind(), io::ErrorKind::InvalidData);
        let short = block_on(codec.read::<Response>(&mut framed(1000, &[0; 10])));
        assert_eq!(short.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let garbage = block_on(codec.read::<Response>(&mut framed(3, &[255, 1, 2])));
        assert_eq!(garbage.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn reading_stays_within_its_memory() {
        let codec = ScaleCodec::new(1 << 20);
        let blob = Response::Blob(vec![7; 2 << 20]).to_bytes().unwrap();
        let refused = block_on(codec.read::<Response>(&mut framed(blob.len() as u32, &blob)));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::OutOfMemory);
    }
}
