//! The proof that a request is authenticated, and where it came from.
//!
//! What a caller may do is decided elsewhere.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::model::UserName;

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(Option<SocketAddr>);

impl Peer {
    /// A request from within the process, or over something that has no address.
    pub const LOCAL: Self = Self(None);

    /// The address without the port, unspecified for [`Peer::LOCAL`]. Work is shared fairly among
    /// these.
    pub fn ip(self) -> IpAddr {
        self.0.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip())
    }

    /// The address, if there is one.
    pub fn address(self) -> Option<SocketAddr> {
        self.0
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self(Some(address))
    }
}

impl From<Option<SocketAddr>> for Peer {
    fn from(address: Option<SocketAddr>) -> Self {
        Self(address)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("local"),
        }
    }
}

/// What counts as one peer: an IPv4 address, or the /64 that one IPv6 host may fill as it likes.
pub(crate) fn share_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Who is calling. With a name it is a proof: only this module makes one, after the password of
/// that user has been verified. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    user: Option<UserName>,
    peer: Peer,
}

impl Caller {
    /// A caller nobody has checked, for a server whose authorization is switched off. It has no
    /// name, so nothing that is decided by name is allowed to it.
    pub fn unauthenticated(peer: Peer) -> Self {
        Self { user: None, peer }
    }

    /// INVARIANT: called only once the password of this user has been verified against the hash
    /// that the current snapshot holds.
    pub(super) fn verified(user: UserName, peer: Peer) -> Self {
        Self { user: Some(user), peer }
    }

    /// A caller of this name for unit tests of other modules.
    #[cfg(test)]
    pub(crate) fn for_tests(name: &str) -> Self {
        Self::verified(UserName::new(name).unwrap(), Peer::LOCAL)
    }

    /// Name of the user, empty if nobody was authenticated.
    pub fn name(&self) -> &str {
        self.user.as_ref().map_or("", UserName::as_str)
    }

    /// The user, or `None` if nobody was authenticated.
    pub fn user(&self) -> Option<&UserName> {
        self.user.as_ref()
    }

    /// Where the request came from.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Whether a password was verified.
    pub fn is_authenticated(&self) -> bool {
        self.user.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_shows_its_address_or_local() {
        let address: SocketAddr = "127.0.0.1:5".parse().unwrap();
        assert_eq!(Peer::from(address).to_string(), "127.0.0.1:5");
        assert_eq!(Peer::from(None).to_string(), "local");
        assert_eq!(Peer::LOCAL.ip().to_string(), "0.0.0.0");
    }

    #[test]
    fn addresses_that_one_host_can_choose_from_are_one_peer() {
        let share = |text: &str| share_of(text.parse().unwrap());
        assert_eq!(share("2001:db8::1"), share("2001:db8::ffff:ffff:ffff:ffff"));
        assert_ne!(share("2001:db8::1"), share("2001:db8:0:1::1"));
        assert_eq!(share("::ffff:10.0.0.1"), share("10.0.0.1"));
        assert_ne!(share("10.0.0.1"), share("10.0.0.2"));
    }

    #[test]
    fn an_unauthenticated_caller_has_no_name() {
        let caller = Caller::unauthenticated(Peer::LOCAL);
        assert!(!caller.is_authenticated() && caller.user().is_none());
        assert_eq!(caller.name(), "");
        assert_eq!(Caller::for_tests("root").name(), "root");
    }
}
