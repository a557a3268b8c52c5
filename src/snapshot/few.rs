//! A list that nearly always has one element: it stands in its place, and a longer one is shared.
//!
//! States hold millions of such lists (the roles of a user, the privileges of a row). A list on the
//! heap for each costs memory and, at every look-up, a wait for it.

use std::sync::Arc;

/// A list with a cheap clone. A change copies it unless nobody else has it.
#[derive(Debug, Clone, Default)]
pub(super) enum Few<T> {
    /// Just one.
    One(T),
    /// None, or several.
    Many(Arc<Vec<T>>),
    /// None.
    #[default]
    None,
}

impl<T: Clone> Few<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    pub(super) fn push(&mut self, element: T) {
        self.insert(self.as_slice().len(), element);
    }

    /// Inserts before the element at a position, which is at most the length.
    pub(super) fn insert(&mut self, at: usize, element: T) {
        self.change(|list| list.insert(at.min(list.len()), element));
    }

    /// Puts another element in the place of one; there is no change if there is none.
    pub(super) fn replace(&mut self, at: usize, element: T) {
        self.change(|list| {
            if let Some(place) = list.get_mut(at) {
                *place = element;
            }
        });
    }

    /// Takes out one; there is no change if there is none.
    pub(super) fn remove(&mut self, at: usize) {
        self.change(|list| {
            if at < list.len() {
                list.remove(at);
            }
        });
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<T>)) {
        let mut list = match std::mem::take(self) {
            Self::None => Arc::default(),
            Self::One(one) => Arc::new(vec![one]),
            Self::Many(many) => many,
        };
        change(Arc::make_mut(&mut list));
        *self = match list.as_slice() {
            [] => Self::None,
            [one] => Self::One(one.clone()),
            _ => Self::Many(list),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_whatever_its_length() {
        let (mut few, mut list) = (Few::default(), Vec::new());
        for (at, number) in [(0, 10), (1, 30), (1, 20), (0, 0), (3, 25)] {
            few.insert(at, number);
            list.insert(at, number);
            assert_eq!(few.as_slice(), list);
        }
        few.replace(0, 1);
        few.replace(9, 9);
        few.remove(9);
        assert_eq!(few.as_slice(), [1, 10, 20, 25, 30]);
        for left in (0..5).rev() {
            few.remove(0);
            assert_eq!(few.as_slice().len(), left);
        }
        assert!(matches!(few, Few::None));
    }

    #[test]
    fn a_clone_keeps_what_it_had() {
        let mut few = Few::default();
        few.push('a');
        few.push('b');
        let before = few.clone();
        few.push('c');
        few.remove(0);
        assert_eq!((before.as_slice(), few.as_slice()), (&['a', 'b'][..], &['b', 'c'][..]));
    }
}
