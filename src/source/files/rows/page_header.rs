//! The header of a page of a Parquet file, as far as it says what the page takes when it is decoded.

use super::thrift::{Field, Thrift};

/// `DELTA_BYTE_ARRAY`, in which a few bytes repeat a long text.
const DELTA_BYTE_ARRAY: i64 = 7;

/// The kinds of pages that are read.
const DATA_PAGE: u64 = 0;
const DICTIONARY_PAGE: u64 = 2;
const DATA_PAGE_V2: u64 = 3;

/// The header of a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PageHeader {
    /// The bytes of the page in the file.
    pub(super) packed: u64,
    /// The bytes that it says it unpacks to.
    pub(super) unpacked: u64,
    /// The number of its values.
    pub(super) values: u64,
    /// The first bytes of a page that are never packed.
    pub(super) levels: u64,
    pub(super) is_dictionary: bool,
    pub(super) is_unpacked: bool,
    pub(super) is_delta: bool,
    /// The bytes of the header itself.
    pub(super) length: usize,
}

impl PageHeader {
    /// Reads a header from the begin of `bytes`; `None` if it is cut or wrong.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut header = Self::default();
        let mut thrift = Thrift::new(bytes);
        let (mut kind, mut described) = (None, None);
        thrift.fields(|thrift, field| match field.number {
            1 => number(thrift).map(|read| kind = Some(read)),
            2 => number(thrift).map(|bytes| header.unpacked = bytes),
            3 => number(thrift).map(|bytes| header.packed = bytes),
            5 => {
                described = only(described, DATA_PAGE)?;
                thrift.fields(|thrift, field| header.data_page(thrift, field))
            }
            7 => {
                described = only(described, DICTIONARY_PAGE)?;
                header.is_dictionary = true;
                thrift.fields(|thrift, field| match field.number {
                    1 => number(thrift).map(|values| header.values = values),
                    _ => thrift.skip(field.kind),
                })
            }
            8 => {
                described = only(described, DATA_PAGE_V2)?;
                thrift.fields(|thrift, field| header.data_page_v2(thrift, field))
            }
            _ => thrift.skip(field.kind),
        })?;
        header.length = thrift.at();

        // The decoder goes by the kind.
        (kind == described && kind.is_some()).then_some(header)
    }

    fn data_page(&mut self, thrift: &mut Thrift<'_>, field: Field) -> Option<()> {
        match field.number {
            1 => number(thrift).map(|values| self.values = values),
            2 => thrift
                .integer()
                .map(|encoding| self.is_delta = encoding == DELTA_BYTE_ARRAY),
            _ => thrift.skip(field.kind),
        }
    }

    fn data_page_v2(&mut self, thrift: &mut Thrift<'_>, field: Field) -> Option<()> {
        match field.number {
            1 => number(thrift).map(|values| self.values = values),
            4 => thrift
                .integer()
                .map(|encoding| self.is_delta = encoding == DELTA_BYTE_ARRAY),
            5 | 6 => number(thrift).map(|bytes| self.levels += bytes),
            7 => {
                self.is_unpacked = field.kind == 2;
                thrift.skip(field.kind)
            }
            _ => thrift.skip(field.kind),
        }
    }
}

/// A page has one description.
#[expect(clippy::option_option, reason = "a second one makes the header wrong")]
fn only(described: Option<u64>, kind: u64) -> Option<Option<u64>> {
    described.is_none().then_some(Some(kind))
}

/// A number that is never negative. Parquet refuses a negative one itself, but after it was asked for memory.
fn number(thrift: &mut Thrift<'_>) -> Option<u64> {
    u64::try_from(thrift.integer()?).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;

    use super::*;

    #[test]
    fn a_header_of_a_written_file_says_what_its_page_has() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "a"]));
        let batch = RecordBatch::try_from_iter([("text", texts)]).expect("a batch");
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("a writer");
        writer.write(&batch).expect("rows");
        let file = writer.into_inner().expect("a file");
        // Behind `PAR1`.
        let dictionary = PageHeader::read(&file[4..]).expect("a header");
        assert!(dictionary.is_dictionary);
        assert_eq!((dictionary.values, dictionary.unpacked), (2, 10));
        let next = 4 + dictionary.length + usize::try_from(dictionary.packed).expect("a size");
        let data = PageHeader::read(&file[next..]).expect("a header");
        assert_eq!((data.values, data.is_dictionary), (3, false));
        assert_eq!(PageHeader::read(&file[4..8]), None);
    }
}
