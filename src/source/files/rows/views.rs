//! Texts and bytes of Parquet as views: they stay in their pages, however often a page repeats them.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};

/// The same schema with views instead of texts and bytes that are copied for each row.
pub(super) fn with_views(schema: &Schema) -> Schema {
    Schema::new_with_metadata(each(schema.fields()), schema.metadata().clone())
}

fn each(fields: &Fields) -> Fields {
    fields.iter().map(field).collect()
}

fn field(field: &FieldRef) -> FieldRef {
    let kind = view(field.data_type());

    Arc::new(Field::clone(field).with_data_type(kind))
}

fn view(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Dictionary(_, values) => view(values),
        DataType::List(item) => DataType::List(field(item)),
        DataType::LargeList(item) => DataType::LargeList(field(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(field(item), *size),
        DataType::Map(entries, is_sorted) => DataType::Map(field(entries), *is_sorted),
        DataType::Struct(fields) => DataType::Struct(each(fields)),
        other => other.clone(),
    }
}
