//! Client text in a log line: escaped, and no longer than it is worth.

use std::fmt;

/// Most bytes of one text that are shown; the longest legal name has 255.
const MOST: usize = 256;

/// A text of a client. `Debug` escapes it and cuts it off, and says how long it was.
pub(crate) struct Clipped<'a>(pub(crate) &'a str);

impl fmt::Debug for Clipped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = clip(self.0, MOST);
        fmt::Debug::fmt(shown, f)?;
        if shown.len() < self.0.len() {
            write!(f, "… ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}

/// The text, cut off after at most this many bytes, between characters.
pub(crate) fn clip(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_how_long_it_was() {
        assert_eq!(format!("{:?}", Clipped("a\nb")), "\"a\\nb\"");
        let long = "é".repeat(1000);
        let shown = format!("{:?}", Clipped(&long));
        assert!(shown.ends_with("… (2000 bytes)") && shown.len() < 300, "{shown}");
        assert_eq!(clip("aé", 2), "a");
    }
}
