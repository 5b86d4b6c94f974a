//! Walks JSON text: checks all of it as RFC 8259 has it, decodes none of it.

use super::token::{Kind, Token};

/// A place in a JSON text. What it finds wrong is `None`, after which the walk is over.
pub(super) struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    /// Begins at the start of a text.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Steps over a byte, where it is what comes next after white space.
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
        let name = self.string()?;

        self.eat(b':').then_some(name)
    }

    /// Steps over a value of any kind and gives it, white space around it left away.
    #[inline]
    pub(super) fn value(&mut self) -> Option<Token<'a>> {
        let first = self.peek()?;
        let from = self.at;
        let kind = match first {
            b'"' => return self.string(),
            b'n' => Kind::Null,
            _ => Kind::Other,
        };
        match first {
            b'{' | b'[' => self.nested()?,
            _ => self.scalar(first)?,
        }
        let text = self.text.get(from..self.at)?;

        Some(Token { text, kind })
    }

    /// Says whether only white space is left.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// The next byte after white space, which is stepped over.
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

    /// Steps over an object or an array; a list of what is open stands for recursion, so that no depth is too deep.
    fn nested(&mut self) -> Option<()> {
        let mut ends = Vec::new();
        loop {
            let first = self.peek()?;
            let has_ended = match first {
                b'{' | b'[' => {
                    self.at += 1;
                    // In ASCII both brackets end two after they begin.
                    self.begin(first + 2, &mut ends)?
                }
                _ => self.scalar(first).map(|()| true)?,
            };
            if has_ended && !self.end(&mut ends)? {
                return Some(());
            }
        }
    }

    /// Goes to the first value inside a bracket, and says whether it has ended without one.
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

    /// After a value: ends every bracket that ends with it, and says whether another value follows.
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
    fn scalar(&mut self, first: u8) -> Option<()> {
        match first {
            b'"' => self.string().map(|_| ()),
            b'-' | b'0'..=b'9' => self.number(),
            b'n' => self.word("null"),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            _ => None,
        }
    }

    #[inline]
    fn word(&mut self, word: &str) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += word.len();

        rest.starts_with(word.as_bytes()).then_some(())
    }

    #[inline]
    fn string(&mut self) -> Option<Token<'a>> {
        let from = self.at;
        if self.next()? != b'"' {
            return None;
        }
        self.at += plain(self.text.as_bytes().get(self.at..)?);
        if self.next()? == b'"' {
            let text = self.text.get(from + 1..self.at - 1)?;
            return Some(Token {
                text,
                kind: Kind::Plain,
            });
        }
        self.at -= 1;
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return None,
            }
            self.at += plain(self.text.as_bytes().get(self.at..)?);
        }
        let text = self.text.get(from..self.at)?;

        Some(Token {
            text,
            kind: Kind::Escaped,
        })
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

    /// Steps over digits, at least one, and says how many.
    #[inline]
    fn digits(&mut self) -> Option<usize> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let digits = rest
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(rest.len());
        self.at += digits;

        (digits > 0).then_some(digits)
    }
}

/// How many bytes come before the next quote, backslash or control character; eight are looked at in one word.
#[inline]
fn plain(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);

    words.len() * 8 + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// Sets the high bit of the first byte that is a quote, a backslash or a control character. Of what comes after it
/// nothing is said, because the subtractions carry over.
///
/// From "Bit Twiddling Hacks", determine if a word has a byte less than n.
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let quote = word ^ (ONES * u64::from(b'"'));
    let backslash = word ^ (ONES * u64::from(b'\\'));
    let less =
        |word: u64, than: u8| word.wrapping_sub(ONES * u64::from(than)) & !word & (ONES << 7);

    less(word, 0x20) | less(quote, 1) | less(backslash, 1)
}
