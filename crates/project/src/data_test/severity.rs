//! How many failing rows of a test are an error, and how many a warning.

/// What follows from a number of failing rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Severity {
    /// Without it, a failure is only a warning.
    pub is_error: bool,
    /// From how many failing rows on it is an error, and from how many a warning.
    pub error_if: Condition,
    pub warn_if: Condition,
}

/// A comparison with a number of failing rows: `> 10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    pub comparison: Comparison,
    pub rows: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Severity {
    /// Whether a single failing row is an error.
    #[must_use]
    pub fn stops_at_any_row(&self) -> bool {
        self.is_error && self.error_if == Condition::ANY
    }
}

impl Condition {
    pub(super) const ANY: Self = Self {
        comparison: Comparison::NotEqual,
        rows: 0,
    };

    #[must_use]
    pub fn holds(self, failures: i64) -> bool {
        match self.comparison {
            Comparison::Equal => failures == self.rows,
            Comparison::NotEqual => failures != self.rows,
            Comparison::Less => failures < self.rows,
            Comparison::AtMost => failures <= self.rows,
            Comparison::More => failures > self.rows,
            Comparison::AtLeast => failures >= self.rows,
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let words = [
            ("!=", Comparison::NotEqual),
            ("<>", Comparison::NotEqual),
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            ("==", Comparison::Equal),
            (">", Comparison::More),
            ("<", Comparison::Less),
            ("=", Comparison::Equal),
        ];
        words.iter().find_map(|(word, comparison)| {
            let rows = text.trim().strip_prefix(word)?.trim().parse().ok()?;
            Some(Self {
                comparison: *comparison,
                rows,
            })
        })
    }
}
