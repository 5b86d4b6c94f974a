//! The last words of `icefront init`: the files it wrote, the tables it left out, and the next steps.

use std::fmt;
use std::path::Path;

use icefront_client::text::{one_line, plural};

use super::draft::Draft;
use super::files::{DEFINITION, Folder, SQL};
use crate::config::Config;

/// The report names at most this many tables that were left out; `pipeline.yaml` names all.
const MOST_LEFT_OUT: usize = 20;

pub(super) struct Report<'a> {
    pub(super) draft: &'a Draft<'a>,
    pub(super) folder: &'a Folder,
    pub(super) has_sql: bool,
    pub(super) config: &'a Config,
    /// The file that the settings were read from.
    pub(super) settings: Option<&'a Path>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Draft {
            pipeline,
            log,
            tables,
            left_out,
            ..
        } = self.draft;
        let file = |name| one_line(&self.folder.file(name).to_string_lossy());
        let number = i64::try_from(tables.len()).unwrap_or(i64::MAX);
        writeln!(
            f,
            "wrote {}: {}",
            file(DEFINITION),
            plural(number, "table", "tables")
        )?;
        if self.has_sql {
            writeln!(f, "wrote {}", file(SQL))?;
        }
        if !left_out.is_empty() {
            writeln!(f, "\nLeft out:")?;
            for left_out in left_out.iter().take(MOST_LEFT_OUT) {
                writeln!(f, "  {left_out}")?;
            }
            if left_out.len() > MOST_LEFT_OUT {
                let more = left_out.len() - MOST_LEFT_OUT;
                writeln!(f, "  and {more} more, which {DEFINITION} names")?;
            }
        }
        writeln!(f, "\nNext:")?;
        let mut steps = Vec::new();
        if self.has_sql {
            let makes = if log.is_some() {
                "the audit log, the triggers and the rights"
            } else {
                "the rights"
            };
            steps.push(format!(
                "Have the owner of the tables run {SQL} in the source; it makes {makes} that are missing:\n       psql -v ON_ERROR_STOP=1 -f {} <address of the source>",
                file(SQL)
            ));
        }
        let config = self.settings.map_or_else(String::new, |path| {
            format!(" --config {}", one_line(&path.to_string_lossy()))
        });
        let root = &self.config.pipelines.path;
        let is_below = self.folder.path().parent().is_some_and(|parent| {
            let whole = |path: &Path| path.canonicalize().ok();
            parent == root || (whole(parent).is_some() && whole(parent) == whole(root))
        });
        if !is_below {
            steps.push(format!(
                "Move the folder below {}, which `pipelines.path` names, or let `pipelines.path` name the folder above it.",
                one_line(&root.to_string_lossy())
            ));
        }
        steps.push(format!("icefront check{config}"));
        steps.push(format!(
            "Start the service, or start it again, so that it reads the definition: icefront serve{config}"
        ));
        steps.push(format!("icefront sources check {pipeline}"));
        steps.push(format!("icefront run {pipeline} --wait"));
        for (at, step) in steps.iter().enumerate() {
            writeln!(f, "  {}. {step}", at + 1)?;
        }

        Ok(())
    }
}
