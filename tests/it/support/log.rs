//! The log of this process, as it is written whatever thread writes it. All tests share it, so a
//! test looks for names that only it uses.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

/// Longest wait for a line.
const PATIENCE: Duration = Duration::from_secs(20);

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Puts each line in its place; one event is one write.
struct Lines;

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes).into_owned();
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

/// The log from now on.
pub(crate) struct Log {
    from: usize,
}

impl Log {
    pub(crate) fn begin() -> Self {
        static INSTALLED: OnceLock<()> = OnceLock::new();
        INSTALLED.get_or_init(|| {
            let subscriber = tracing_subscriber::fmt()
                .json()
                .with_max_level(tracing::Level::INFO)
                .with_writer(Lines)
                .finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
        Self { from: LINES.lock().unwrap_or_else(PoisonError::into_inner).len() }
    }

    /// The lines that hold this text.
    pub(crate) fn lines(&self, text: &str) -> Vec<String> {
        let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        lines[self.from..].iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// Waits for a line that holds this text and returns the first one, with its fields.
    pub(crate) async fn line(&self, text: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.lines(text).first() {
                return serde_json::from_str(line).unwrap();
            }
            assert!(Instant::now() < deadline, "no line holds {text}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
