//! `common.security.tlsMode` and `tls`: whether clients speak TLS to us, and by which files.
//!
//! A stock `milvus.yaml` names the files although the mode is 0, so paths alone mean nothing. The
//! files are opened by the server, not here.

use std::path::PathBuf;

use super::reader::{Reader, one};

/// TLS on the port. Relative paths are relative to the working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// PEM file of the server's certificate, with its chain (`tls.serverPemPath`).
    pub certificate: PathBuf,
    /// PEM file of its private key, not encrypted (`tls.serverKeyPath`).
    pub key: PathBuf,
    /// PEM file of the authorities that clients must have a certificate of (`tls.caPemPath` with
    /// `common.security.tlsMode` 2); `None` asks clients for none (mode 1).
    pub client_ca: Option<PathBuf>,
}

/// Milvus's three modes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Off,
    Server,
    Mutual,
}

/// Reads the mode and its files; `None` is plain text.
pub(super) fn read(reader: &mut Reader) -> Option<TlsSettings> {
    const KEY: &str = "common.security.tlsMode";
    let mode = reader.read(KEY, |value| {
        one(value, |text| match text {
            "0" => Ok((Mode::Off, "0")),
            "1" => Ok((Mode::Server, "1")),
            "2" => Ok((Mode::Mutual, "2")),
            _ => Err(format!(
                "`{text}` is none of 0, 1 and 2, which stand for no TLS, TLS, and TLS where \
                 clients need a certificate"
            )),
        })
    });
    let (mode, number) = mode.unwrap_or((Mode::Off, "0"));
    reader.show(KEY, Some(number.to_owned()));
    let mut file = |key, needed: bool| {
        let path = reader.text(key);
        if needed && path.is_none() {
            reader.mistake(KEY, &format!("{number} needs {key}, the path of a PEM file"));
        }
        path.map(PathBuf::from)
    };
    let certificate = file("tls.serverPemPath", mode != Mode::Off);
    let key = file("tls.serverKeyPath", mode != Mode::Off);
    let client_ca = file("tls.caPemPath", mode == Mode::Mutual);
    if mode == Mode::Off {
        return None;
    }
    let client_ca = client_ca.filter(|_| mode == Mode::Mutual);
    Some(TlsSettings { certificate: certificate?, key: key?, client_ca })
}
