//! `table` and `model` as filters: the thing that a list is about.

use crate::app::App;
use crate::error::Result;

/// The table or model that a caller asks for. Both together find nothing.
#[derive(Default)]
pub(super) struct Of {
    pub(super) pipeline: Option<String>,
    /// By its name in the pipeline.
    pub(super) table: Option<String>,
    /// By its name in the pipeline.
    pub(super) model: Option<String>,
}

impl Of {
    pub(super) fn find(app: &App, table: Option<&str>, model: Option<&str>) -> Result<Self> {
        let mut of = Self::default();
        if let Some(name) = table {
            let found = app.pipelines.table(name);
            let id = &found
                .map_err(|error| error.at_field("table".into()))?
                .table
                .id;
            of.pipeline = Some(id.pipeline.clone());
            of.table = Some(id.name.clone());
        }
        if let Some(name) = model {
            let found = app.pipelines.model(name);
            let id = found.map_err(|error| error.at_field("model".into()))?.id();
            of.pipeline = Some(id.pipeline);
            of.model = Some(id.name);
        }

        Ok(of)
    }

    /// Whether it belongs to another pipeline than this one.
    pub(super) fn is_beside(&self, pipeline: Option<&str>) -> bool {
        let own = self.pipeline.as_deref();

        pipeline.is_some() && own.is_some() && pipeline != own
    }
}
