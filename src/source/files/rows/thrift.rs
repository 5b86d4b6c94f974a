//! Steps through Thrift's compact protocol, in which Parquet writes its footer and the headers of its pages.

/// Deeper values are refused.
const MOST_NESTED: usize = 32;

/// A place in a Thrift text. `None` says that the text is cut or wrong.
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A field of a struct: its number, and the kind of its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) number: i16,
    pub(super) kind: u8,
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
pub(super) const LIST: u8 = 9;
pub(super) const STRUCT: u8 = 12;

impl<'a> Thrift<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were stepped over.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Gives each field of a struct to `take`, which must step over its value.
    pub(super) fn fields(
        &mut self,
        mut take: impl FnMut(&mut Self, Field) -> Option<()>,
    ) -> Option<()> {
        let mut number: i16 = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            let next = match head >> 4 {
                0 => i16::try_from(self.integer()?).ok()?,
                more => number.checked_add(more.into())?,
            };
            // Writers write fields in their order. A field that comes twice could be read in two ways.
            if next <= number {
                return None;
            }
            number = next;
            let kind = head & 15;
            take(self, Field { number, kind })?;
        }
    }

    /// An integer of any size.
    pub(super) fn integer(&mut self) -> Option<i64> {
        let folded = self.varint()?;

        Some((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    /// The number of values of a list, and their kind.
    pub(super) fn list(&mut self) -> Option<(u64, u8)> {
        let head = self.byte()?;
        let length = match head >> 4 {
            15 => self.varint()?,
            length => length.into(),
        };

        Some((length, head & 15))
    }

    /// Steps over the value of a field.
    pub(super) fn skip(&mut self, kind: u8) -> Option<()> {
        match kind {
            // The field's head says the value.
            TRUE | FALSE => Some(()),
            _ => self.skip_value(kind, MOST_NESTED),
        }
    }

    fn skip_value(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE..=3 => self.step(1),
            4..=6 => self.varint().map(drop),
            7 => self.step(8),
            8 => {
                let length = self.varint()?;
                self.step(length)
            }
            LIST | 10 => {
                let (length, kind) = self.list()?;
                (0..length).try_for_each(|_| self.skip_value(kind, depth))
            }
            11 => self.skip_map(depth),
            STRUCT => self.fields(|thrift, field| match field.kind {
                TRUE | FALSE => Some(()),
                kind => thrift.skip_value(kind, depth),
            }),
            13 => self.step(16),
            _ => None,
        }
    }

    fn skip_map(&mut self, depth: usize) -> Option<()> {
        let length = self.varint()?;
        if length == 0 {
            return Some(());
        }
        let kinds = self.byte()?;

        (0..length).try_for_each(|_| {
            self.skip_value(kinds >> 4, depth)?;
            self.skip_value(kinds & 15, depth)
        })
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }

        None
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;

        Some(byte)
    }

    fn step(&mut self, bytes: u64) -> Option<()> {
        let at = self.at.checked_add(usize::try_from(bytes).ok()?)?;
        self.at = at;

        (at <= self.bytes.len()).then_some(())
    }
}
