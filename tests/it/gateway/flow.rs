//! Bytes through a stream of HTTP/2 as its peer takes them.

use std::future::poll_fn;

use bytes::Bytes;
use h2::SendStream;

/// Sends bytes no faster than the peer grants room for them. False: it wants no more.
pub(crate) async fn send(stream: &mut SendStream<Bytes>, mut bytes: Bytes) -> bool {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len().min(64 << 10));
        let Some(Ok(room)) = poll_fn(|context| stream.poll_capacity(context)).await else {
            return false;
        };
        let room = room.min(bytes.len());
        if room > 0 && stream.send_data(bytes.split_to(room), false).is_err() {
            return false;
        }
    }
    true
}

/// Ends a stream.
pub(crate) fn end(stream: &mut SendStream<Bytes>) {
    // Whoever has reset it meanwhile wants no end either.
    let _ = stream.send_data(Bytes::new(), true);
}
