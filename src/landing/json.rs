//! Walks a JSON text: checks all of it by RFC 8259, decodes nothing.

use super::token::{Token, TokenKind};

/// A place in a JSON text. `None` says that the text is no JSON; the walk must then end.
pub(super) struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Steps over white space, and over `byte` if it comes next. Says whether it did.
    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);

        is_next
    }

    /// Steps over the name of an object's member and its colon, and gives the name.
    #[inline]
    pub(super) fn name(&mut self) -> Option<Token<'a>> {
        self.peek();
        let from = self.at;
        let kind = self.string()?;
        let name = self.token(from, kind)?;

        self.eat(b':').then_some(name)
    }

    /// Steps over a value of any kind and gives it without the white space before it.
    #[inline]
    pub(super) fn value(&mut self) -> Option<Token<'a>> {
        let first = self.peek()?;
        let from = self.at;
        let kind = self.step(first)?;

        self.token(from, kind)
    }

    /// The name or value that was stepped over since `from`.
    #[inline]
    fn token(&self, from: usize, kind: TokenKind) -> Option<Token<'a>> {
        let quote = usize::from(kind == TokenKind::Plain);
        let text = self.text.get(from + quote..self.at - quote)?;

        Some(Token { text, kind })
    }

    /// Steps over `text`, which must come next, white space included.
    #[inline]
    pub(super) fn exact(&mut self, text: &str) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += text.len();

        rest.starts_with(text.as_bytes()).then_some(())
    }

    /// How many bytes were stepped over; meaningless after a `None`.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Whether only white space is left.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Steps over white space and gives the byte after it.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.as_bytes().get(self.at)?;
        self.at += 1;

        Some(byte)
    }

    /// Steps over the value that begins with `first`, and gives its kind.
    fn step(&mut self, first: u8) -> Option<TokenKind> {
        match first {
            b'"' => return self.string(),
            b'{' | b'[' => self.nested()?,
            b'-' | b'0'..=b'9' => self.number()?,
            b'n' => return self.exact("null").map(|()| TokenKind::Null),
            b't' => self.exact("true")?,
            b'f' => self.exact("false")?,
            _ => return None,
        }

        Some(TokenKind::Other)
    }

    /// Steps over an object or an array. It keeps a list of the open brackets instead of recursing, so that no depth
    /// overflows the stack.
    fn nested(&mut self) -> Option<()> {
        let mut ends = Vec::new();
        loop {
            let first = self.peek()?;
            let has_ended = match first {
                b'{' | b'[' => {
                    self.at += 1;
                    // In ASCII `}` is two after `{`, and `]` is two after `[`.
                    self.begin(first + 2, &mut ends)?
                }
                _ => self.step(first).map(|_| true)?,
            };
            if has_ended && !self.end(&mut ends)? {
                return Some(());
            }
        }
    }

    /// Goes to the first value inside a bracket. Says whether the bracket is empty.
    fn begin(&mut self, end: u8, ends: &mut Vec<u8>) -> Option<bool> {
        if self.eat(end) {
            return Some(true);
        }
        ends.push(end);
        if end == b'}' {
            self.name()?;
        }

        Some(false)
    }

    /// Steps over the brackets that end after a value. Says whether another value follows.
    fn end(&mut self, ends: &mut Vec<u8>) -> Option<bool> {
        while let Some(&end) = ends.last() {
            if self.eat(b',') {
                if end == b'}' {
                    self.name()?;
                }
                return Some(true);
            }
            if !self.eat(end) {
                return None;
            }
            ends.pop();
        }

        Some(false)
    }

    #[inline]
    fn string(&mut self) -> Option<TokenKind> {
        if self.next()? != b'"' {
            return None;
        }
        let mut kind = TokenKind::Plain;
        loop {
            self.at += leading(self.text.as_bytes().get(self.at..)?, special);
            match self.next()? {
                b'"' => return Some(kind),
                b'\\' => self.escape()?,
                _ => return None,
            }
            kind = TokenKind::Escaped;
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    #[inline]
    fn number(&mut self) -> Option<()> {
        self.at += usize::from(self.is_at(b"-"));
        let leads_with_zero = self.is_at(b"0");
        let digits = self.digits()?;
        if leads_with_zero && digits > 1 {
            return None;
        }
        if self.is_at(b".") {
            self.at += 1;
            self.digits()?;
        }
        if self.is_at(b"eE") {
            self.at += 1;
            self.at += usize::from(self.is_at(b"+-"));
            self.digits()?;
        }

        Some(())
    }

    fn is_at(&self, any: &[u8]) -> bool {
        self.text
            .as_bytes()
            .get(self.at)
            .is_some_and(|byte| any.contains(byte))
    }

    /// Steps over digits and gives their number, at least one.
    #[inline]
    fn digits(&mut self) -> Option<usize> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let digits = leading(rest, no_digit);
        self.at += digits;

        (digits > 0).then_some(digits)
    }
}

/// A word whose bytes are all 1.
const ONES: u64 = u64::MAX / 255;

/// How many bytes come before the first for which `find` sets a bit. `find` gets eight bytes in one word.
#[inline]
fn leading(bytes: &[u8], find: impl Fn(u64) -> u64) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let found = find(u64::from_le_bytes(*word));
        if found != 0 {
            return at * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_found = |byte: &u8| find(u64::from(*byte)) & 0xff != 0;

    words.len() * 8 + rest.iter().position(is_found).unwrap_or(rest.len())
}

/// Sets a bit of the first byte that is no digit: the upper half of a digit is 3, and stays 3 when 6 is added. The bits
/// of later bytes mean nothing, because the addition carries over.
fn no_digit(word: u64) -> u64 {
    let three = ONES * 0x30;

    ((word ^ three) | (word.wrapping_add(ONES * 6) ^ three)) & (ONES * 0xf0)
}

/// Sets the high bit of the first byte that is a quote, a backslash or a control character. The bits of later bytes
/// mean nothing, because the subtractions carry over.
///
/// From "Bit Twiddling Hacks", determine if a word has a byte less than n.
fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * u64::from(b'"'));
    let backslash = word ^ (ONES * u64::from(b'\\'));
    let less =
        |word: u64, than: u8| word.wrapping_sub(ONES * u64::from(than)) & !word & (ONES << 7);

    less(word, 0x20) | less(quote, 1) | less(backslash, 1)
}

#[cfg(test)]
mod tests {
    use super::{leading, no_digit, special};

    #[test]
    fn the_first_special_byte_is_found_at_every_place() {
        let is_special = |byte| matches!(byte, b'"' | b'\\' | 0..0x20);
        for byte in 0..=u8::MAX {
            for length in 1..20 {
                for at in 0..length {
                    let found = |is_found| if is_found { at } else { length };
                    let mut text = vec![b'7'; length];
                    text[at] = byte;
                    let text = text.as_slice();
                    assert_eq!(leading(text, no_digit), found(!byte.is_ascii_digit()));
                    assert_eq!(leading(text, special), found(is_special(byte)));
                }
            }
        }
    }
}
