//! Ports of loopback for what may be away for a while.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port that is bound and never listened on. The system gives it to nobody else, and refuses
/// whoever connects; who binds it by name, with the same option, may have it.
pub(super) struct Port(TcpSocket);

impl Port {
    pub(super) fn reserve() -> Self {
        Self(bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }
}

/// Binds beside whoever has reserved the port.
pub(super) fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}
