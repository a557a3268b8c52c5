//! Patterns in grants: `*` is any run of characters except `/`, `?` is one character except `/`,
//! `[...]` is a class, a backslash takes the next character as it is.
//!
//! Case matters and both ends are anchored. A class never covers `/`; with that, only the last `*`
//! ever has to be tried again, so the time is bounded by the product of the two lengths, whatever
//! the pattern.

/// A pattern, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob(Vec<Token>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// `*`
    Run,
    /// `?`
    One,
    /// The character itself.
    Literal(char),
    /// `[a-z]`, or `[^a-z]`.
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// Whether the text is more than a plain name.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '\\'])
}

impl Glob {
    /// The pattern, or `None` if it is malformed and so covers nothing.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let mut tokens = Vec::new();
        let mut rest = pattern.chars();
        while let Some(next) = rest.next() {
            tokens.push(match next {
                '*' if tokens.last() == Some(&Token::Run) => continue,
                '*' => Token::Run,
                '?' => Token::One,
                '[' => class(&mut rest)?,
                '\\' => Token::Literal(rest.next()?),
                other => Token::Literal(other),
            });
        }
        Some(Self(tokens))
    }

    /// Whether it covers the whole text.
    pub(super) fn covers(&self, text: &str) -> bool {
        let tokens = self.0.as_slice();
        let (mut at, mut rest) = (0, text.chars());
        // Where to go on if the run behind the last `*` takes one character more.
        let mut again: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            if tokens.get(at) == Some(&Token::Run) {
                again = Some((at + 1, rest.clone()));
                at += 1;
                continue;
            }
            let mut after = rest.clone();
            match (tokens.get(at), after.next()) {
                (None, None) => return true,
                (Some(token), Some(character)) if token.covers(character) => {
                    (at, rest) = (at + 1, after);
                    continue;
                }
                _ => {}
            }
            let Some((token, text)) = &mut again else {
                return false;
            };
            match text.next() {
                Some(character) if character != '/' => (at, rest) = (*token, text.clone()),
                _ => return false,
            }
        }
    }
}

impl Token {
    fn covers(&self, character: char) -> bool {
        match self {
            Self::Run => false,
            Self::One => character != '/',
            Self::Literal(literal) => *literal == character,
            Self::Class { negated, ranges } => {
                let inside = ranges.iter().any(|(low, high)| (*low..=*high).contains(&character));
                character != '/' && inside != *negated
            }
        }
    }
}

/// What stands between brackets, behind the opening one.
fn class(rest: &mut std::str::Chars<'_>) -> Option<Token> {
    let negated = rest.as_str().starts_with('^');
    if negated {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        if rest.as_str().starts_with(']') && !ranges.is_empty() {
            rest.next();
            return Some(Token::Class { negated, ranges });
        }
        let low = class_character(rest)?;
        let high = if rest.as_str().starts_with('-') {
            rest.next();
            class_character(rest)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

fn class_character(rest: &mut std::str::Chars<'_>) -> Option<char> {
    match rest.next()? {
        '\\' => rest.next(),
        '-' | ']' => None,
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covers(pattern: &str, text: &str) -> bool {
        Glob::new(pattern).is_some_and(|glob| glob.covers(text))
    }

    #[test]
    fn each_sign_means_what_it_says() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "a.b"),
            ("a*", "a"),
            ("a*c", "abbc"),
            ("*b*d*", "abcde"),
            ("a?c", "aéc"),
            ("[a-c]x", "bx"),
            ("[^a-c]x", "dx"),
            ("[\\]a]", "]"),
            (r"a\*", "a*"),
            ("a/*", "a/b"),
            ("*/b", "a/b"),
            ("", ""),
        ] {
            assert!(covers(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("*", "a/b"),
            ("a*", "A"),
            ("a*c", "abb"),
            ("a?c", "a/c"),
            ("a[/]b", "a/b"),
            ("a[^x]b", "a/b"),
            ("?", ""),
            ("a", "ab"),
            ("a", "ba"),
            (r"a\*", "ab"),
            ("", "a"),
        ] {
            assert!(!covers(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_malformed_covers_nothing() {
        for pattern in ["[", "a[", "[]", "[a", "[a-", "[-a]", "[^]", "a\\", "[a\\"] {
            assert_eq!(Glob::new(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_the_product_of_the_lengths() {
        let pattern = "*a".repeat(2000) + "b";
        assert!(!covers(&pattern, &"a".repeat(4000)));
    }

    /// The definition itself, exponential as it is.
    fn by_definition(pattern: &[Token], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((Token::Run, more)), None) => by_definition(more, text),
            (Some((Token::Run, more)), Some((first, rest))) => {
                by_definition(more, text) || (*first != '/' && by_definition(pattern, rest))
            }
            (Some((token, more)), Some((first, rest))) => {
                token.covers(*first) && by_definition(more, rest)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_covers_what_the_definition_covers(
            pattern in "[ab/*?]{0,8}", text in "[ab/]{0,8}"
        ) {
            let glob = Glob::new(&pattern).unwrap();
            let characters: Vec<char> = text.chars().collect();
            prop_assert_eq!(glob.covers(&text), by_definition(&glob.0, &characters));
        }

        #[test]
        fn no_pattern_panics(pattern in any::<String>(), text in any::<String>()) {
            let _ = covers(&pattern, &text);
        }
    }
}
