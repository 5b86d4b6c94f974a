//! The footer of a Parquet file, checked before it is decoded.

use std::io;

use bytes::Bytes;
use parquet::file::reader::ChunkReader;

use super::thrift::{STRUCT, Thrift};
use crate::source::files::file_limits::FileLimits;

/// The bytes at the end of a file: the length of the footer, and `PAR1`.
const TAIL_BYTES: usize = 8;
const LARGEST_FOOTER: usize = 16 << 20;
/// Decoded, a footer takes about so many times its size.
const FOOTER_FACTOR: usize = 8;
/// How deep columns may be nested in each other. The decoder calls itself for each level.
const MOST_NESTED: usize = 64;

/// Refuses a footer that is too large or nested too deeply. Leaves other faults to the decoder.
pub(super) fn check_footer(file: &impl ChunkReader, limits: &FileLimits) -> io::Result<()> {
    let Some(begin) = file.len().checked_sub(TAIL_BYTES as u64) else {
        return Ok(());
    };
    let tail = bytes_at(file, begin, TAIL_BYTES)?;
    let length = tail
        .first_chunk()
        .map_or(0, |length| u32::from_le_bytes(*length));
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if !tail.ends_with(b"PAR1") || length as u64 > begin {
        return Ok(());
    }
    if length > LARGEST_FOOTER {
        return Err(limits.refuse(
            "its footer is larger than 16 MiB; write fewer and larger row groups, or fewer columns",
        ));
    }
    limits.grow_to(length * FOOTER_FACTOR)?;
    let footer = bytes_at(file, begin - length as u64, length)?;
    match depth_of(&footer) {
        Some(depth) if depth > MOST_NESTED => Err(limits.refuse(format!(
            "its columns are nested more than {MOST_NESTED} levels deep; write them flatter"
        ))),
        Some(_) => Ok(()),
        None => Err(limits.refuse("it is no whole Parquet file: its footer cannot be read")),
    }
}

fn bytes_at(file: &impl ChunkReader, begin: u64, length: usize) -> io::Result<Bytes> {
    file.get_bytes(begin, length).map_err(io::Error::other)
}

/// How deep the columns of a footer are nested; `None` if it is cut or wrong.
fn depth_of(footer: &[u8]) -> Option<usize> {
    let mut depth = Some(0);
    let read = Thrift::new(footer).fields(|thrift, field| match field.number {
        2 => {
            let (length, kind) = thrift.list()?;
            depth = Depth::of(thrift, length).filter(|_| kind == STRUCT);
            depth.filter(|depth| *depth <= MOST_NESTED).map(drop)
        }
        _ => thrift.skip(field.kind),
    });

    match depth {
        Some(depth) if depth > MOST_NESTED => Some(depth),
        _ => read.and(depth),
    }
}

/// The schema is a list in which each group is followed by its children.
struct Depth {
    deepest: usize,
    /// How many children of each open group are left.
    left: Vec<i64>,
}

impl Depth {
    fn of(thrift: &mut Thrift<'_>, elements: u64) -> Option<usize> {
        let mut depth = Self {
            deepest: 0,
            left: Vec::new(),
        };
        for _ in 0..elements {
            let mut children = 0;
            thrift.fields(|thrift, field| match field.number {
                5 => thrift.integer().map(|number| children = number),
                _ => thrift.skip(field.kind),
            })?;
            depth.note(children);
            // Enough to refuse the file; its list of levels must not grow further.
            if depth.deepest > MOST_NESTED {
                return Some(depth.deepest);
            }
        }

        Some(depth.deepest)
    }

    fn note(&mut self, children: i64) {
        if let Some(left) = self.left.last_mut() {
            *left -= 1;
        }
        if children > 0 {
            self.left.push(children);
            self.deepest = self.deepest.max(self.left.len());
        }
        while self.left.last() == Some(&0) {
            self.left.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::depth_of;

    /// A footer whose columns are nested so deep.
    fn footer(depth: u8) -> Vec<u8> {
        // The second field, a list of so many structs and one more.
        let mut footer = vec![0x29, 0xfc, depth + 1];
        for _ in 0..depth {
            // Their fifth field, the number of children: 1.
            footer.extend([0x55, 2, 0]);
        }
        footer.extend([0, 0]);

        footer
    }

    #[test]
    fn the_depth_of_columns_is_known_before_they_are_decoded() {
        assert_eq!(depth_of(&footer(20)), Some(20));
        assert_eq!(depth_of(&footer(100)), Some(65), "it ends at the limit");
        assert_eq!(depth_of(&footer(20)[..30]), None);
        assert_eq!(depth_of(b"nothing of the kind"), None);
    }
}
