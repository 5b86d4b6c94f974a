//! The rows of a dropped file: CSV, JSON or Parquet, each row opened into the text of a JSON object.
//!
//! [`FileReader`] opens the file and gives it to the parser of its format. The parsers, `csv`, `json` and `parquet`, put
//! rows into a [`sink`]. Knows no folder and no ledger.

mod column_text;
mod columns;
mod csv;
mod json;
mod json_text;
mod parquet;
mod reader;
mod row;
mod rules;
mod sink;
mod text_file;

pub(super) use columns::FileColumns;
pub(super) use reader::FileReader;
pub(super) use row::FileRow;
pub(super) use rules::RowRules;
