//! Pairs on their way from the thread that reads sled to the one that makes records of them: one
//! piece of memory for many, so that neither thread frees what the other has allocated one by one.

/// Bytes after which a page is handed on.
const FULL: usize = 128 * 1024;

/// Keys and values, end to end.
#[derive(Debug, Default)]
pub(super) struct Page {
    bytes: Vec<u8>,
    /// Where each key and each value ends, in turns.
    ends: Vec<usize>,
}

impl Page {
    /// Adds a pair behind those that are there.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        if self.bytes.is_empty() {
            self.bytes.reserve(FULL + key.len() + value.len());
        }
        for part in [key, value] {
            self.bytes.extend_from_slice(part);
            self.ends.push(self.bytes.len());
        }
    }

    /// Whether it should be handed on.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    /// Shows all pairs in the order in which they were added.
    pub(super) fn each(&self, mut visit: impl FnMut(&[u8], &[u8])) {
        let mut start = 0;
        for ends in self.ends.chunks_exact(2) {
            if let &[middle, end] = ends
                && let (Some(key), Some(value)) =
                    (self.bytes.get(start..middle), self.bytes.get(middle..end))
            {
                visit(key, value);
                start = end;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_what_was_added_empty_parts_included() {
        let pairs: [(&[u8], &[u8]); 4] = [(b"a", b""), (b"", b""), (b"", b"b"), (b"key", b"value")];
        let mut page = Page::default();
        for (key, value) in pairs {
            page.add(key, value);
        }
        let mut shown = Vec::new();
        page.each(|key, value| shown.push((key.to_vec(), value.to_vec())));
        assert_eq!(shown, pairs.map(|(key, value)| (key.to_vec(), value.to_vec())));
    }

    #[test]
    fn a_page_is_full_by_its_bytes() {
        let mut page = Page::default();
        page.add(b"key", &vec![0; FULL - 4]);
        assert!(!page.is_full());
        page.add(b"k", b"");
        assert!(page.is_full());
    }
}
