//! The rows of a dropped file: CSV, JSON or Parquet, each row opened into the text of a JSON object.
//!
//! [`FileReader`] opens the file and gives it to the parser of its format. The parsers, `csv`, `json` and `parquet`, put
//! rows into a [`sink`]. Whoever wrote the file is not trusted: `text_file` bounds rows, `footer` and `page_guard` what Parquet
//! unpacks. A reason says where a file is at fault and never quotes a value. Knows no folder and no ledger.

mod column_text;
mod columns;
mod csv;
mod footer;
mod guarded_file;
mod json;
mod json_text;
mod nested_text;
mod page_guard;
mod page_header;
mod parquet;
mod reader;
mod row;
mod rules;
mod sink;
mod text_file;
mod thrift;
mod views;

pub(super) use columns::FileColumns;
pub(super) use reader::FileReader;
pub(super) use row::FileRow;
pub(super) use rules::RowRules;
