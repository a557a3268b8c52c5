//! Addresses to listen on, as people write them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::settings::ListenAddress;

/// Milvus's port.
pub(super) const DEFAULT_PORT: u16 = 19530;

/// Both loopback addresses: what `localhost` means, and the default.
pub(super) fn loopback(port: u16) -> Vec<ListenAddress> {
    vec![
        ListenAddress { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), optional: false },
        ListenAddress { address: SocketAddr::from((Ipv6Addr::LOCALHOST, port)), optional: true },
    ]
}

/// Reads `127.0.0.1:19530`, `[::1]:19530`, `0.0.0.0:19530`, `[::]:19530` or `localhost:19530`.
/// Other host names are refused: what they mean may change after the start.
pub(super) fn parse(text: &str) -> Result<Vec<ListenAddress>, String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(vec![ListenAddress { address, optional: false }]);
    }
    let host_and_port = text.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
    match host_and_port {
        Some((host, Ok(port))) if host.eq_ignore_ascii_case("localhost") => Ok(loopback(port)),
        // Elsewhere an empty host means every interface; here nothing opens by omission.
        Some(("", Ok(port))) => Err(format!(
            "`{text}` names no host; write localhost:{port}, or 0.0.0.0:{port} or [::]:{port} \
             for all interfaces"
        )),
        _ => Err(format!(
            "`{text}` is not an address to listen on; write an IP address or localhost, a colon \
             and a port, such as 127.0.0.1:{DEFAULT_PORT} or [::1]:{DEFAULT_PORT}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_both_loopbacks_and_the_second_may_be_missing() {
        let both = parse("localhost:7").unwrap();
        assert_eq!(both, loopback(7));
        assert_eq!(both[1].address.to_string(), "[::1]:7");
        assert!(!both[0].optional && both[1].optional);
    }

    #[test]
    fn addresses_are_taken_as_they_are_and_must_not_be_left_out() {
        for text in ["0.0.0.0:19530", "[::]:19530", "10.1.2.3:0"] {
            let one = parse(text).unwrap();
            assert_eq!(one.len(), 1);
            assert_eq!(one[0].address.to_string(), text);
            assert!(!one[0].optional);
        }
    }

    #[test]
    fn what_names_no_host_or_no_port_is_refused_with_an_example() {
        assert!(parse(":19530").unwrap_err().contains("0.0.0.0:19530"));
        for text in ["", "localhost", "0.0.0.0", "::1", "example.com:19530", "127.0.0.1:70000"] {
            assert!(parse(text).unwrap_err().contains("127.0.0.1:19530"), "{text}");
        }
    }
}
