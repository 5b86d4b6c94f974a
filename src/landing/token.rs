//! A value of a JSON text, decoded when it is asked for.

use std::borrow::Cow;

/// A value as it stands in the text.
#[derive(Clone, Copy)]
pub(super) struct Token<'a> {
    /// The text as it stands; of a string that is not escaped without its quotes.
    pub(super) text: &'a str,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Null,
    /// A string, without its quotes.
    Plain,
    /// A string that holds escapes, with its quotes.
    Escaped,
    /// A number, a boolean, an object or an array.
    Other,
}

impl<'a> Token<'a> {
    /// What a string says, and the JSON text of anything else. None where it is `null`, or a string that no text can
    /// hold, because it escapes half a character.
    #[inline]
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self.kind {
            TokenKind::Null => None,
            TokenKind::Plain | TokenKind::Other => Some(Cow::Borrowed(self.text)),
            TokenKind::Escaped => self.decoded().map(Cow::Owned),
        }
    }

    /// Kept out of [`Self::text`], which stays short enough to be inlined.
    #[inline(never)]
    fn decoded(self) -> Option<String> {
        serde_json::from_str(self.text).ok()
    }

    /// Whether it is no string that escapes half a character, which no text can hold.
    #[inline]
    pub(super) fn can_be_decoded(self) -> bool {
        !self.is_escaped() || self.decoded().is_some()
    }

    /// Whether it takes decoding to say what it says.
    #[inline]
    pub(super) fn is_escaped(self) -> bool {
        self.kind == TokenKind::Escaped
    }
}
