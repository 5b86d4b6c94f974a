//! The tables and views that models may read.

/// The position of a relation in the catalog.
pub type InputId = usize;

/// What a model may read, as Trino sees it.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Catalog and schema of a name without them.
    session: Vec<String>,
    relations: Vec<Relation>,
}

/// A table or a view.
#[derive(Clone, Debug)]
pub struct Relation {
    /// Catalog, schema and table.
    pub name: Vec<String>,
    pub columns: Vec<Column>,
    pub kind: RelationKind,
}

#[derive(Clone, Debug)]
pub enum RelationKind {
    Table,
    /// A view is put into its readers as a subquery.
    View {
        sql: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// Trino's name of the type: `decimal(18,2)`.
    pub data_type: String,
}

impl Catalog {
    /// `catalog` and `schema` are those of the session: the place of a name without them.
    #[must_use]
    pub fn new(catalog: &str, schema: &str, relations: Vec<Relation>) -> Self {
        Self {
            session: vec![catalog.into(), schema.into()],
            relations,
        }
    }

    #[must_use]
    pub fn relation(&self, input: InputId) -> &Relation {
        &self.relations[input]
    }

    /// The relation of a name. Trino does not distinguish case.
    pub(crate) fn find(&self, parts: &[String]) -> Option<InputId> {
        let missing = 3_usize.checked_sub(parts.len())?;
        let name: Vec<_> = self
            .session
            .iter()
            .take(missing)
            .chain(parts)
            .map(|part| part.to_lowercase())
            .collect();

        self.relations.iter().position(|relation| {
            relation
                .name
                .iter()
                .map(|part| part.to_lowercase())
                .eq(name.iter().cloned())
        })
    }
}
