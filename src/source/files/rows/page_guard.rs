//! Bounds what the pages of a Parquet file take in memory, before they are unpacked.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Range;

use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::page_header::PageHeader;
use crate::source::files::file_limits::{FIRST_BYTES, FileLimits};

/// The most bytes of an unpacked page. Most writers make pages of about 1 MiB, some of up to 100 MiB.
const LARGEST_PAGE: u64 = 128 << 20;
/// The same in the encoding `DELTA_BYTE_ARRAY`, in which each of [`DELTA_ROWS`] values may be as long as the page.
const LARGEST_DELTA_PAGE: u64 = 4 << 20;
/// The most rows that are decoded at once in that encoding.
pub(super) const DELTA_ROWS: u64 = 16;
/// The most bytes of the values of a list column in one row group: a single row may have all of them.
const LIST_BYTES: u64 = 256 << 20;
/// What packing may add to a page that cannot be packed.
const PACKING_BYTES: u64 = 1 << 16;
/// The most bytes of a page that is a frame of LZ4, which does not say how large it gets: 255 times its size at most.
const LARGEST_FRAME: usize = 1 << 20;
/// The magic numbers of frames, of today and of before.
const LZ4_FRAMES: [[u8; 4]; 2] = [[0x04, 0x22, 0x4d, 0x18], [0x02, 0x21, 0x4c, 0x18]];

/// Counts the pages that are in memory, and refuses those that are too large.
pub(super) struct PageGuard {
    limits: FileLimits,
    chunks: Vec<Chunk>,
    /// The pages of each column that are in memory.
    held: BTreeMap<usize, HeldPages>,
    /// The bytes that were held when the present batch began, and those of its pages.
    before: u64,
    batch: u64,
    /// The pages whose headers were read and whose bytes were not, by where they begin. For lists, the decoder reads a header ahead.
    next: BTreeMap<u64, NextPage>,
}

/// The pages of a column in a row group.
struct Chunk {
    bytes: Range<u64>,
    column: usize,
    packing: Compression,
    /// The bytes of a value of a list column; `None` if a row has one value at most.
    list_value: Option<u64>,
    list_bytes: u64,
    has_delta: bool,
}

#[derive(Default)]
struct HeldPages {
    dictionary: u64,
    data: u64,
}

struct NextPage {
    header: PageHeader,
    packing: Compression,
}

impl PageGuard {
    /// # Errors
    ///
    /// The columns overlap, so that a page could count as that of another column.
    pub(super) fn of(metadata: &ParquetMetaData, limits: &FileLimits) -> io::Result<Self> {
        let groups = metadata.row_groups().iter();
        let chunks = groups.flat_map(|group| group.columns().iter().enumerate());
        let mut chunks = chunks
            .map(|(column, chunk)| Chunk::of(column, chunk))
            .collect::<Option<Vec<Chunk>>>()
            .ok_or_else(|| limits.refuse("a column begins before the file"))?;
        chunks.retain(|chunk| !chunk.bytes.is_empty());
        chunks.sort_by_key(|chunk| chunk.bytes.start);
        if chunks
            .windows(2)
            .any(|two| two[0].bytes.end > two[1].bytes.start)
        {
            return Err(limits.refuse("its columns overlap"));
        }

        Ok(Self {
            limits: limits.clone(),
            chunks,
            held: BTreeMap::new(),
            before: 0,
            batch: 0,
            next: BTreeMap::new(),
        })
    }

    /// The caller has dropped the rows of the batch before.
    pub(super) fn begin_batch(&mut self) {
        self.batch = 0;
        self.before = self
            .held
            .values()
            .map(|held| held.dictionary + held.data)
            .sum();
    }

    /// Admits the page that begins with this header at `begin`.
    pub(super) fn admit(&mut self, begin: u64, header: PageHeader) -> io::Result<()> {
        self.check_size(&header)?;
        let at = self
            .chunks
            .partition_point(|chunk| chunk.bytes.start <= begin);
        let Some(chunk) = at.checked_sub(1).and_then(|at| self.chunks.get_mut(at)) else {
            return Err(self.limits.refuse("it has a page outside of its columns"));
        };
        if header.is_delta && (!chunk.has_delta || header.unpacked > LARGEST_DELTA_PAGE) {
            return Err(self.limits.refuse(
                "a page in the encoding `DELTA_BYTE_ARRAY` is larger than 4 MiB, or its column does not declare this encoding; write smaller pages, or texts in the encoding `PLAIN`",
            ));
        }
        let mut bytes = header.unpacked.max(header.packed);
        if header.is_delta {
            bytes += header.unpacked * DELTA_ROWS;
        }
        if let Some(value) = chunk.list_value
            && !header.is_dictionary
        {
            let values = header.values.saturating_mul(value);
            chunk.list_bytes = chunk.list_bytes.saturating_add(values);
            bytes = bytes.saturating_add(values);
            if chunk.list_bytes > LIST_BYTES {
                return Err(self.limits.refuse(
                    "a list column has more than 256 MiB of values in one row group; write smaller row groups",
                ));
            }
        }
        let next = NextPage {
            header,
            packing: chunk.packing,
        };
        self.next.insert(begin + header.length as u64, next);
        let held = self.held.entry(chunk.column).or_default();
        if header.is_dictionary {
            held.dictionary = bytes;
        } else {
            held.data = bytes;
        }
        self.batch = self.batch.saturating_add(bytes);

        self.take_memory()
    }

    /// Checks the bytes of a page whose packing does not say how large it gets.
    pub(super) fn check_page(&mut self, begin: u64, page: &[u8]) -> io::Result<()> {
        let Some(next) = self.next.remove(&begin) else {
            return Ok(());
        };
        let levels = usize::try_from(next.header.levels).unwrap_or(usize::MAX);
        let Some(packed) = page.get(levels..).filter(|_| !next.header.is_unpacked) else {
            return Ok(());
        };
        let most = next.header.unpacked.saturating_sub(next.header.levels);
        let is_larger = match next.packing {
            Compression::GZIP(_) => is_larger(MultiGzDecoder::new(packed), most),
            Compression::BROTLI(_) => {
                // This begin announces a window that may be as large as 1 GiB.
                packed.first().is_some_and(|first| first & 127 == 0x11)
                    || is_larger(brotli::Decompressor::new(packed, 4096), most)
            }
            Compression::LZ4 => {
                let is_frame = LZ4_FRAMES.iter().any(|magic| packed.starts_with(magic));
                is_frame && packed.len() > LARGEST_FRAME
            }
            _ => false,
        };
        if is_larger {
            return Err(self
                .limits
                .refuse("a page unpacks to more bytes than its header says"));
        }

        Ok(())
    }

    fn check_size(&self, header: &PageHeader) -> io::Result<()> {
        if header.unpacked > LARGEST_PAGE {
            return Err(self.limits.refuse(format!(
                "a page says that it unpacks to {} MiB, and the limit is 128 MiB; write smaller pages",
                header.unpacked >> 20
            )));
        }
        if header.packed > header.unpacked + header.unpacked / 4 + PACKING_BYTES {
            return Err(self.limits.refuse("a page is larger packed than unpacked"));
        }
        if header.is_dictionary && header.values > header.unpacked {
            return Err(self
                .limits
                .refuse("a dictionary says that it has more values than bytes"));
        }

        Ok(())
    }

    fn take_memory(&self) -> io::Result<()> {
        let bytes = self.before.saturating_add(self.batch);
        if bytes <= FIRST_BYTES as u64 {
            return Ok(());
        }
        // In steps, so that not every page asks.
        let bytes = bytes.saturating_add(FIRST_BYTES as u64);
        let step = bytes.next_multiple_of(8 << 20);

        self.limits
            .grow_to(usize::try_from(step).unwrap_or(usize::MAX))
    }
}

impl Chunk {
    /// `None` if it begins before the file.
    fn of(column: usize, chunk: &ColumnChunkMetaData) -> Option<Self> {
        let first = chunk.dictionary_page_offset().unwrap_or(0);
        if first < 0 || chunk.data_page_offset() < 0 || chunk.compressed_size() < 0 {
            return None;
        }
        let (begin, length) = chunk.byte_range();
        let described = chunk.column_descr();
        let is_list = described.max_rep_level() > 0;

        Some(Self {
            bytes: begin..begin.saturating_add(length),
            column,
            packing: chunk.compression(),
            list_value: is_list.then(|| value_bytes(chunk)),
            list_bytes: 0,
            has_delta: has_delta(chunk),
        })
    }
}

/// The bytes of a decoded value without its text, which stays in its page.
pub(super) fn value_bytes(chunk: &ColumnChunkMetaData) -> u64 {
    let described = chunk.column_descr();

    match described.physical_type() {
        parquet::basic::Type::FIXED_LEN_BYTE_ARRAY => u64::try_from(described.type_length())
            .unwrap_or_default()
            .max(16),
        _ => 16,
    }
}

/// Whether a column says that it has texts in the encoding `DELTA_BYTE_ARRAY`.
pub(super) fn has_delta(chunk: &ColumnChunkMetaData) -> bool {
    chunk
        .encodings()
        .any(|encoding| encoding == parquet::basic::Encoding::DELTA_BYTE_ARRAY)
}

/// Whether packed bytes unpack to more than `most`. Leaves faults of the packing to the decoder.
fn is_larger(packed: impl Read, most: u64) -> bool {
    let unpacked = io::copy(&mut packed.take(most + 1), &mut io::sink());

    unpacked.is_ok_and(|unpacked| unpacked > most)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression as Level;
    use flate2::write::GzEncoder;
    use serde_json::json;

    use super::*;
    use crate::source::files::DropAccess;

    fn guard(list_value: Option<u64>) -> PageGuard {
        let settings =
            json!({"roots": [], "largest_row_bytes": 1 << 20, "memory_bytes": 256 << 20});
        let access = DropAccess::new(&serde_json::from_value(settings).expect("settings"));

        PageGuard {
            limits: FileLimits::new(&access),
            chunks: vec![Chunk {
                bytes: 4..1_000,
                column: 0,
                packing: Compression::GZIP(parquet::basic::GzipLevel::default()),
                list_value,
                list_bytes: 0,
                has_delta: false,
            }],
            held: BTreeMap::new(),
            before: 0,
            batch: 0,
            next: BTreeMap::new(),
        }
    }

    fn page(unpacked: u64) -> PageHeader {
        PageHeader {
            packed: 20,
            unpacked,
            values: 3,
            length: 10,
            ..PageHeader::default()
        }
    }

    #[test]
    fn a_page_that_claims_too_much_is_refused_before_it_is_unpacked() {
        let refused = |list_value, page| guard(list_value).admit(4, page).is_err();
        assert!(!refused(None, page(1 << 20)));
        assert!(refused(None, page((2 << 30) - 1)));
        let values = 1_000_000_000;
        let many = PageHeader {
            values,
            ..page(100)
        };
        assert!(!refused(None, many));
        assert!(refused(Some(16), many));
        let is_dictionary = true;
        assert!(refused(
            None,
            PageHeader {
                is_dictionary,
                ..many
            }
        ));
        let is_delta = true;
        assert!(refused(
            None,
            PageHeader {
                is_delta,
                ..page(100)
            }
        ));
    }

    #[test]
    fn the_pages_of_one_batch_together_stay_within_the_memory() {
        let mut guard = guard(None);
        for _ in 0..4 {
            guard.admit(4, page(60 << 20)).expect("room");
        }
        assert!(guard.admit(4, page(60 << 20)).is_err());
    }

    #[test]
    fn a_page_that_unpacks_to_more_than_it_says_is_refused() {
        let mut packed = GzEncoder::new(Vec::new(), Level::best());
        packed.write_all(&vec![0; 100_000]).expect("packed");
        let packed = packed.finish().expect("packed");
        for (says, is_refused) in [(100_000, false), (99_999, true)] {
            let mut guard = guard(None);
            guard.admit(4, page(says)).expect("a page");
            assert_eq!(guard.check_page(14, &packed).is_err(), is_refused);
        }
    }
}
