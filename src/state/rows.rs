//! Rows as values: read by the names of their columns. A column that is missing or of another type is an error.

use tokio_postgres::Row;
use tokio_postgres::types::FromSqlOwned;

/// A value that can be read from a row.
pub(super) trait FromRow: Sized + Send {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error>;
}

/// The only column of a row, whatever its name.
pub(super) struct OnlyColumn<T>(pub(super) T);

impl<T: FromSqlOwned + Send> FromRow for OnlyColumn<T> {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        row.try_get(0).map(Self)
    }
}

/// Implements [`FromRow`] for a struct whose fields have the names of the columns.
///
/// After a field's name, `: json` means a column of JSON. `: row` means a struct that is read from the same row.
macro_rules! from_row {
    (@ $row:ident $field:ident) => {
        $row.try_get(stringify!($field))?
    };
    (@ $row:ident $field:ident json) => {
        $row.try_get::<_, tokio_postgres::types::Json<_>>(stringify!($field))?.0
    };
    (@ $row:ident $field:ident row) => {
        $crate::state::rows::FromRow::from_row($row)?
    };
    ($type:ident { $($field:ident $(: $how:ident)?),+ $(,)? }) => {
        impl $crate::state::rows::FromRow for $type {
            fn from_row(row: &tokio_postgres::Row) -> Result<Self, tokio_postgres::Error> {
                Ok(Self { $($field: from_row!(@ row $field $($how)?)),+ })
            }
        }
    };
}
pub(super) use from_row;

/// Gives the variants of an enum their words in the API and in a text column. Another word in the column is an error.
macro_rules! text_column {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// The word for it in the API and the database.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl<'a> tokio_postgres::types::FromSql<'a> for $type {
            fn from_sql(
                kind: &tokio_postgres::types::Type,
                raw: &'a [u8],
            ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
                match <&str>::from_sql(kind, raw)? {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!("`{other}` is no {}", stringify!($type)).into()),
                }
            }

            fn accepts(kind: &tokio_postgres::types::Type) -> bool {
                <&str as tokio_postgres::types::FromSql>::accepts(kind)
            }
        }

        impl tokio_postgres::types::ToSql for $type {
            fn to_sql(
                &self,
                kind: &tokio_postgres::types::Type,
                out: &mut bytes::BytesMut,
            ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
                self.as_str().to_sql(kind, out)
            }

            fn accepts(kind: &tokio_postgres::types::Type) -> bool {
                <&str as tokio_postgres::types::ToSql>::accepts(kind)
            }

            tokio_postgres::types::to_sql_checked!();
        }
    };
}
pub(super) use text_column;
