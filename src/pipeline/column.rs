//! Columns and their types in Trino, from a declaration or a Postgres catalogue.

use serde::{Deserialize, Serialize};

/// A business column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// In Trino, in lower case.
    pub name: String,
    /// The field of the event that fills the column.
    pub from: String,
    /// The JSON path of the value inside the field, such as `$["city"]`; `None` if the field is the value.
    #[serde(default)]
    pub path: Option<String>,
    /// In Trino, such as `decimal(18,2)`.
    pub data_type: String,
    /// The type without its numbers: decides how text becomes a value.
    pub kind: TypeKind,
    /// Digits after the point; 0 for other types.
    pub scale: u32,
    /// A pattern of the decimals that fit without rounding.
    pub digits: String,
    pub is_key: bool,
    /// Its changes start no version.
    pub is_untracked: bool,
    /// Becomes the column's comment.
    #[serde(default)]
    pub description: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TypeKind {
    /// `boolean`
    Boolean,
    /// `integer`, `bigint`
    Integer,
    /// `decimal(p,s)`
    Decimal,
    /// `real`, `double`
    Float,
    /// `date`
    Date,
    /// `time(6)`
    Time,
    /// `timestamp(6)`
    Timestamp,
    /// `timestamp(6) with time zone`
    #[serde(rename = "timestamp with time zone")]
    TimestampTz,
    /// `varchar`
    Varchar,
    /// `varbinary`
    Varbinary,
}

/// A type that Iceberg and Trino share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataType {
    sql: String,
    kind: TypeKind,
    scale: u32,
}

impl DataType {
    /// # Errors
    ///
    /// A sentence with the types that can be declared.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name = text.trim().to_ascii_lowercase();
        let plain = |sql: &str, kind| Ok(Self::plain(sql, kind));
        match name.as_str() {
            "boolean" => plain("boolean", TypeKind::Boolean),
            "integer" | "int" => plain("integer", TypeKind::Integer),
            "bigint" => plain("bigint", TypeKind::Integer),
            "real" => plain("real", TypeKind::Float),
            "double" => plain("double", TypeKind::Float),
            "date" => plain("date", TypeKind::Date),
            "time" | "time(6)" => plain("time(6)", TypeKind::Time),
            "timestamp" | "timestamp(6)" => plain("timestamp(6)", TypeKind::Timestamp),
            "timestamp with time zone" | "timestamp(6) with time zone" => {
                plain("timestamp(6) with time zone", TypeKind::TimestampTz)
            }
            "varchar" => plain("varchar", TypeKind::Varchar),
            "varbinary" => plain("varbinary", TypeKind::Varbinary),
            decimal if decimal.starts_with("decimal") => {
                Self::parse_decimal(decimal).ok_or_else(|| {
                    format!(
                        "`{text}` is not a decimal; write `decimal(p,s)` with 1 ≤ p ≤ 38 and 0 ≤ s ≤ p"
                    )
                })
            }
            "smallint" | "tinyint" => Err(format!("Iceberg has no `{text}`; use `integer`")),
            _ => Err(format!(
                "`{text}` is not a type of Iceberg tables; use boolean, integer, bigint, real, double, decimal(p,s), date, time(6), timestamp(6), timestamp(6) with time zone, varchar or varbinary"
            )),
        }
    }

    /// The type for a Postgres type, by its name from `format_type`.
    ///
    /// A type without an exact counterpart becomes `varchar`; so does `numeric` without precision, because no decimal holds every number.
    #[must_use]
    pub fn from_postgres(name: &str) -> Self {
        if name.starts_with("numeric(") && !name.ends_with("[]") {
            return Self::parse_decimal(&name.replacen("numeric", "decimal", 1))
                .unwrap_or_else(|| Self::plain("varchar", TypeKind::Varchar));
        }
        match without_digits(name).as_str() {
            "smallint" | "integer" => Self::plain("integer", TypeKind::Integer),
            "bigint" => Self::plain("bigint", TypeKind::Integer),
            "real" => Self::plain("real", TypeKind::Float),
            "double precision" => Self::plain("double", TypeKind::Float),
            "boolean" => Self::plain("boolean", TypeKind::Boolean),
            "date" => Self::plain("date", TypeKind::Date),
            "time without time zone" => Self::plain("time(6)", TypeKind::Time),
            "timestamp without time zone" => Self::plain("timestamp(6)", TypeKind::Timestamp),
            "timestamp with time zone" => {
                Self::plain("timestamp(6) with time zone", TypeKind::TimestampTz)
            }
            "bytea" => Self::plain("varbinary", TypeKind::Varbinary),
            _ => Self::plain("varchar", TypeKind::Varchar),
        }
    }

    fn plain(sql: &str, kind: TypeKind) -> Self {
        Self {
            sql: sql.to_owned(),
            kind,
            scale: 0,
        }
    }

    fn parse_decimal(text: &str) -> Option<Self> {
        let numbers = text.strip_prefix("decimal(")?.strip_suffix(')')?;
        let (precision, scale) = numbers.split_once(',').unwrap_or((numbers, "0"));
        let precision: u32 = precision.trim().parse().ok()?;
        let scale: u32 = scale.trim().parse().ok()?;

        ((1..=38).contains(&precision) && scale <= precision).then(|| Self {
            sql: format!("decimal({precision},{scale})"),
            kind: TypeKind::Decimal,
            scale,
        })
    }
}

impl Column {
    /// Rewrites a value of the API for Trino: times lose their `T` and `Z`.
    #[must_use]
    pub fn literal(&self, text: &str) -> String {
        match self.kind {
            TypeKind::Timestamp | TypeKind::TimestampTz => {
                text.replacen('T', " ", 1).replace('Z', " UTC")
            }
            _ => text.to_owned(),
        }
    }

    /// Whether text keeps the value exactly, so that a statement can contain bounds of the column.
    #[must_use]
    pub fn can_be_bounded(&self) -> bool {
        matches!(
            self.kind,
            TypeKind::Integer | TypeKind::Decimal | TypeKind::Varchar
        )
    }

    /// A column of an existing table, by its type in Trino; a type that cannot be declared is `varchar`.
    #[must_use]
    pub fn of_type(name: &str, data_type: &str) -> Self {
        let data_type = DataType::parse(data_type)
            .unwrap_or_else(|_| DataType::plain("varchar", TypeKind::Varchar));
        Self::new(name, name, &data_type)
    }

    /// One of the tables' own columns, for comparing rows.
    #[must_use]
    pub fn technical(name: &str) -> Self {
        Self::new(name, name, &DataType::plain("varchar", TypeKind::Varchar))
    }

    /// Fills the column from inside a field's JSON: `city` in the field `address`, for `address.city`.
    #[must_use]
    pub fn inside(mut self, field: &str, path: &str) -> Self {
        let steps: Vec<String> = path
            .split('.')
            .map(|name| format!("[\"{name}\"]"))
            .collect();
        self.path = Some(format!("${}", steps.concat()));
        field.clone_into(&mut self.from);
        self
    }

    /// Whether this type can become the other in place: Iceberg's promotions, which change no value.
    #[must_use]
    pub fn widens_to(&self, other: &Self) -> bool {
        let precision = |column: &Self| -> Option<u32> {
            let digits = column.data_type.strip_prefix("decimal(")?;
            digits.split(',').next()?.parse().ok()
        };
        match (self.data_type.as_str(), other.data_type.as_str()) {
            ("integer", "bigint") | ("real", "double") => true,
            _ if self.kind == TypeKind::Decimal && other.kind == TypeKind::Decimal => {
                self.scale == other.scale && precision(self) < precision(other)
            }
            _ => false,
        }
    }

    /// Whether every value of the other type fits into this one.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        let digits = |column: &Self| -> Option<(u32, u32)> {
            let digits = column.data_type.strip_prefix("decimal(")?;
            let precision: u32 = digits.split(',').next()?.parse().ok()?;
            Some((precision - column.scale, column.scale))
        };
        if self.data_type == other.data_type
            || self.kind == TypeKind::Varchar
            || other.widens_to(self)
        {
            return true;
        }

        match (digits(self), digits(other)) {
            (Some(own), Some(theirs)) => own.0 >= theirs.0 && own.1 >= theirs.1,
            _ => false,
        }
    }

    /// A column that the field `from` fills.
    #[must_use]
    pub fn new(name: &str, from: &str, data_type: &DataType) -> Self {
        Self {
            from: from.to_owned(),
            path: None,
            description: None,
            data_type: data_type.sql.clone(),
            kind: data_type.kind,
            scale: data_type.scale,
            digits: format!(r"\A[+-]?[0-9]+(\.[0-9]{{0,{}}}0*)?\z", data_type.scale),
            is_key: false,
            is_untracked: false,
            name: name.to_lowercase(),
        }
    }
}

/// Removes the parenthesis of `timestamp(3) with time zone`; an array keeps its brackets.
fn without_digits(name: &str) -> String {
    match (name.find('('), name.find(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", &name[..open], &name[close + 1..])
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numeric_without_precision_is_text_because_no_decimal_holds_every_number() {
        assert_eq!(DataType::from_postgres("numeric").sql, "varchar");
        assert_eq!(
            DataType::from_postgres("numeric(18,2)").sql,
            "decimal(18,2)"
        );
    }

    #[test]
    fn a_time_keeps_its_zone_whatever_its_precision() {
        let zoned = DataType::from_postgres("timestamp(3) with time zone");
        assert_eq!(zoned.sql, "timestamp(6) with time zone");
        assert_eq!(
            DataType::from_postgres("timestamp(3) without time zone").sql,
            "timestamp(6)"
        );
    }

    #[test]
    fn an_array_is_text_whatever_its_elements_are() {
        assert_eq!(DataType::from_postgres("integer[]").sql, "varchar");
    }

    #[test]
    fn a_type_that_iceberg_lacks_is_refused_with_the_one_to_use() {
        let fault = DataType::parse("smallint").expect_err("no such type");
        assert!(fault.contains("use `integer`"));
    }
}
