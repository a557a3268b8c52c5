//! The log: on standard error, as text or JSON, filtered by `RUST_LOG`.
//!
//! # What comes from clients
//! Whatever a client can choose (names, headers, addresses in headers, texts of bad requests) is
//! logged as a field with `?`, never with `%` and never inside the message:
//!
//! ```
//! let name = "a\nb";
//! tracing::info!(user = ?name, "login refused");
//! ```
//!
//! `Debug` escapes control characters and quotes, in both formats, so that nobody writes log
//! lines of his own or steers the terminal of the reader. Secrets are not logged in any form.
//!
//! # What other crates would log
//! At `trace` sled writes what it stores, password hashes included, and nobody promises that the
//! HTTP crates keep headers to themselves. So below `info` only our own lines are written, whatever
//! `RUST_LOG` asks for. For the same reason panics are logged by their place only.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, ParseError, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogFormat, ProcessEnvironment, log_filter};

/// What is logged without `RUST_LOG`: our own lines, and what else is worth a look.
const DEFAULT_FILTER: &str = "info,sled=warn,h2=warn,hyper=warn,tower=warn";

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// `RUST_LOG` is not a filter.
    #[error(
        "RUST_LOG is `{text}`, which is no filter; write a level such as debug, or target=level"
    )]
    Filter {
        /// What it says.
        text: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// The process has a log already.
    #[error("the log of this process is set up already")]
    Twice(#[from] TryInitError),
}

/// Starts logging for the whole process, panics included: of these only the place is told.
///
/// # Errors
/// If `RUST_LOG` is not a filter, or the process has a log already.
pub fn init(format: LogFormat) -> Result<(), TelemetryError> {
    let filter = filter(log_filter(&ProcessEnvironment))?;
    let colours = std::io::stderr().is_terminal();
    let subscriber = subscriber(format, filter, colours, std::io::stderr);
    subscriber.try_init()?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        tracing::error!(thread = thread.name().unwrap_or_default(), %place, "a thread panicked");
    }));
    Ok(())
}

fn filter(directives: Option<String>) -> Result<EnvFilter, TelemetryError> {
    let text = directives.unwrap_or_else(|| DEFAULT_FILTER.to_owned());
    EnvFilter::builder().parse(&text).map_err(|source| TelemetryError::Filter { text, source })
}

fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    colours: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match format {
        LogFormat::Text => Box::new(lines.with_ansi(colours).finish().with(most())),
        LogFormat::Json => {
            Box::new(lines.json().with_ansi(false).flatten_event(true).finish().with(most()))
        }
    }
}

/// The most that is written of each crate; `RUST_LOG` can only ask for less.
///
/// Ours alone may tell everything, because only of ours it is known that no secret is in it. A
/// list of those that may not would miss the crate that comes with the next update.
fn most() -> Targets {
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target(env!("CARGO_CRATE_NAME"), LevelFilter::TRACE)
        .with_target("sled", LevelFilter::WARN)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, directives: &str, body: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let filter = filter(Some(directives.to_owned())).unwrap();
        let subscriber = subscriber(format, filter, false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, body);
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_a_client_sends_cannot_leave_its_line_or_steer_the_terminal() {
        let name = "a\"b\r\n2026 INFO forged\u{1b}[31m\u{7}\u{9b}";
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = logged(format, "info", || tracing::info!(user = ?name, "login refused"));
            assert_eq!(text.lines().count(), 1, "{text:?}");
            assert!(text.ends_with('\n'));
            assert!(!text.trim_end_matches('\n').contains(char::is_control), "{text:?}");
            assert!(text.contains("login refused") && text.contains("forged"), "{text}");
            assert!(!text.contains("a\"b"), "{text}");
        }
    }

    #[test]
    fn json_lines_are_json_with_the_fields_on_top() {
        let text = logged(LogFormat::Json, "info", || tracing::info!(users = 3, "ready"));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "ready");
        assert_eq!(line["users"], 3);
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn the_filter_decides_what_is_written() {
        let both = || {
            tracing::debug!("quiet");
            tracing::info!("loud");
        };
        let text = logged(LogFormat::Text, DEFAULT_FILTER, both);
        assert!(text.contains("loud") && !text.contains("quiet"), "{text}");
        let text = logged(LogFormat::Text, "debug", both);
        assert!(text.contains("quiet"), "{text}");
    }

    #[test]
    fn other_crates_tell_no_details_whatever_is_asked_for() {
        for directives in ["trace", "h2=trace,hyper=trace,sled=trace,milvus_rbac=trace"] {
            for format in [LogFormat::Text, LogFormat::Json] {
                let text = logged(format, directives, || {
                    tracing::trace!("ours");
                    tracing::debug!(target: "h2::codec::framed_write", "secret");
                    tracing::trace!(target: "hyper::proto::h1::io", "secret");
                    tracing::debug!(target: "a_crate_of_next_year", "secret");
                    tracing::info!(target: "sled::pagecache", "secret");
                    tracing::warn!(target: "sled::pagecache", "trouble");
                });
                assert!(text.contains("ours") && text.contains("trouble"), "{text}");
                assert!(!text.contains("secret"), "{text}");
            }
        }
    }

    #[test]
    fn a_filter_that_is_none_is_refused_with_its_text() {
        let error = filter(Some("milvus_rbac=loud".to_owned())).unwrap_err();
        assert!(error.to_string().contains("milvus_rbac=loud"), "{error}");
    }
}
