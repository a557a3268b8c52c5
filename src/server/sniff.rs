//! Tells from the first bytes of a connection which protocol it speaks, as Milvus's port does:
//! the HTTP/2 preface or else HTTP/1. It reads never more than the preface is long, so that
//! what it has read can be given to the protocol unchanged.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What every HTTP/2 client sends first.
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol of a connection, with the bytes already read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Anything that is not one of the others.
    Http1(Bytes),
    /// The whole preface has come.
    Http2(Bytes),
    /// A TLS handshake record.
    Tls,
    /// The peer closed before it could be told.
    Closed,
}

/// Reads until the protocol is clear. The caller bounds the time.
pub(crate) async fn sniff<T: AsyncRead + Unpin>(io: &mut T) -> io::Result<Protocol> {
    let mut seen = BytesMut::with_capacity(PREFACE.len());
    loop {
        let missing = PREFACE.len() - seen.len();
        if io.take(missing as u64).read_buf(&mut seen).await? == 0 {
            return Ok(Protocol::Closed);
        }
        if PREFACE.as_slice() == seen {
            return Ok(Protocol::Http2(seen.freeze()));
        }
        // 0x16 is the type of a handshake record, 0x03 the major version of every SSL since 3.
        match (seen.first(), seen.get(1)) {
            (Some(0x16), Some(0x03)) => return Ok(Protocol::Tls),
            (Some(0x16), None) => continue,
            _ => {}
        }
        if !PREFACE.starts_with(&seen) {
            return Ok(Protocol::Http1(seen.freeze()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sniffed(bytes: &[u8]) -> Protocol {
        sniff(&mut &*bytes).await.unwrap()
    }

    #[tokio::test]
    async fn the_first_differing_byte_decides() {
        assert_eq!(sniffed(b"GET").await, Protocol::Http1(Bytes::from_static(b"GET")));
        assert_eq!(sniffed(b"PUT /").await, Protocol::Http1(Bytes::from_static(b"PUT /")));
        assert_eq!(
            sniffed(b"PRI * HTTP/2.0\r\n\r\nXX").await,
            Protocol::Http1(Bytes::from_static(b"PRI * HTTP/2.0\r\n\r\nXX"))
        );
        assert_eq!(sniffed(b"PRI * HT").await, Protocol::Closed);
        assert_eq!(sniffed(&[0x16, 0x03, 0x01]).await, Protocol::Tls);
        assert_eq!(sniffed(&[0x16, 0x04]).await, Protocol::Http1(Bytes::from_static(&[0x16, 4])));
    }

    #[tokio::test]
    async fn nothing_after_the_preface_is_taken() {
        let mut all = PREFACE.to_vec();
        all.extend_from_slice(b"rest");
        let mut input = &*all;
        assert_eq!(sniff(&mut input).await.unwrap(), Protocol::Http2(Bytes::from_static(PREFACE)));
        assert_eq!(input, b"rest");
    }
}
