//! A value of a JSON text, decoded when it is asked for.

use std::borrow::Cow;

/// A name or a value as it stands in the text.
#[derive(Clone, Copy)]
pub(super) struct Token<'a> {
    /// The text as it stands. Only [`TokenKind::Plain`] loses its quotes.
    pub(super) text: &'a str,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Null,
    /// A string without escapes.
    Plain,
    /// A string that holds escapes.
    Escaped,
    /// A number, a boolean, an object or an array.
    Other,
}

impl<'a> Token<'a> {
    /// The decoded string, or the JSON text of any other value. None for `null`, and for a string that escapes half a
    /// character: no text can hold it.
    #[inline]
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self.kind {
            TokenKind::Null => None,
            TokenKind::Plain | TokenKind::Other => Some(Cow::Borrowed(self.text)),
            TokenKind::Escaped => self.decoded().map(Cow::Owned),
        }
    }

    /// A function of its own, so that [`Self::text`] is short enough to be inlined.
    #[inline(never)]
    fn decoded(self) -> Option<String> {
        serde_json::from_str(self.text).ok()
    }

    /// False for a string that escapes half a character.
    #[inline]
    pub(super) fn can_be_decoded(self) -> bool {
        !self.is_escaped() || self.decoded().is_some()
    }

    #[inline]
    pub(super) fn is_escaped(self) -> bool {
        self.kind == TokenKind::Escaped
    }
}
