//! `icefront validate`: whether the files of a pipeline are right, or the SQL of its models.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Act, Client};
use crate::answers::{DefinitionCheck, DefinitionFinding, Validation, Validations};
use crate::fault::{Exit, Fault, Result};
use crate::output::Cell;
use crate::server::{Call, read};
use crate::text;

/// What a pipeline may have in its folder.
const PARTS: [&str; 5] = [
    "pipeline.yaml",
    "dbt_project.yml",
    "models",
    "tests",
    "macros",
];
/// What files in these folders end with.
const ENDINGS: [&str; 5] = ["sql", "yml", "yaml", "py", "csv"];
/// The service takes no more.
const MOST_FILES: usize = 1_000;
const DEEPEST: usize = 20;
/// In bytes, of one file. The service refuses a megabyte and says so.
const LARGEST_FILE: u64 = 4_000_000;

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("of").required(true).args(["pipeline", "folder"]))]
pub struct Validate {
    /// Ask Trino whether it takes the SQL of this pipeline's models; nothing runs
    pipeline: Option<String>,
    /// Check the `pipeline.yaml` and the models in this folder, which need not be on the service
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl Act for Validate {
    async fn act(self, client: &Client) -> Result<Exit> {
        match (self.folder, self.pipeline) {
            (Some(folder), _) => check_files(client, &folder).await,
            (None, Some(pipeline)) => check_models(client, &pipeline).await,
            (None, None) => Err(Fault::Usage(
                "name a pipeline, or a folder by `--folder`".into(),
            )),
        }
    }
}

async fn check_files(client: &Client, folder: &Path) -> Result<Exit> {
    let call = Call::post(&["pipelines", "validate"]).body(json!({"files": files_of(folder)?}));
    let answer = client.server.call(call).await?;
    let DefinitionCheck { valid, .. } = read(&answer)?;
    let printed = client.output.one(
        &answer,
        |_: &DefinitionCheck| folder.display().to_string(),
        |check| {
            for finding in &check.findings {
                let word = client.output.word(&finding.severity);
                let told = text::one_line(&told(finding));
                client.output.line(&format!("{word}: {told}"))?;
            }
            if check.left_out > 0 {
                let more = text::plural(check.left_out, "more finding", "more findings");
                client.output.line(&format!("and {more}"))?;
            }
            if check.valid {
                client.output.line("the definition is right")?;
            }

            Ok(())
        },
    );

    exit_of(valid).after(printed)
}

/// `pipeline.yaml:6:5: what is wrong; what to do`.
fn told(finding: &DefinitionFinding) -> String {
    let remedy = finding.remedy.as_ref();
    let remedy = remedy.map(|remedy| format!("; {remedy}"));

    format!(
        "{}: {}{}",
        place(&finding.file, finding.line, finding.line_column),
        finding.detail,
        remedy.unwrap_or_default()
    )
}

/// The texts of a pipeline's files, by their paths below its folder.
fn files_of(folder: &Path) -> Result<BTreeMap<String, String>> {
    if !folder.join(PARTS[0]).is_file() {
        return Err(Fault::Usage(format!(
            "`{}` has no `{}`; give the folder of a pipeline",
            folder.display(),
            PARTS[0]
        )));
    }
    let mut files = BTreeMap::new();
    for part in PARTS {
        let path = folder.join(part);
        if path.is_file() {
            add(part, &path, &mut files)?;
        } else if path.is_dir() {
            add_folder(part, &path, 0, &mut files)?;
        }
    }

    Ok(files)
}

fn add_folder(
    place: &str,
    folder: &Path,
    depth: usize,
    files: &mut BTreeMap<String, String>,
) -> Result<()> {
    if depth > DEEPEST {
        return Err(Fault::Usage(format!(
            "`{place}` is more than {DEEPEST} folders deep; move its files up"
        )));
    }
    let unreadable = |fault| unreadable(place, &fault);
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let (place, path) = (format!("{place}/{name}"), entry.path());
        let is_used = path
            .extension()
            .is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            add_folder(&place, &path, depth + 1, files)?;
        } else if is_used {
            add(&place, &path, files)?;
        }
    }

    Ok(())
}

fn add(place: &str, path: &Path, files: &mut BTreeMap<String, String>) -> Result<()> {
    if files.len() >= MOST_FILES {
        return Err(Fault::Usage(format!(
            "the pipeline has more than {MOST_FILES} files, which the service does not take in one call; check it by `icefront check`"
        )));
    }
    let unreadable = |fault| unreadable(place, &fault);
    if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST_FILE {
        return Err(Fault::Usage(format!(
            "`{place}` is larger than a megabyte; split it"
        )));
    }
    files.insert(
        place.to_owned(),
        std::fs::read_to_string(path).map_err(unreadable)?,
    );

    Ok(())
}

fn unreadable(place: &str, fault: &std::io::Error) -> Fault {
    Fault::Usage(format!("`{place}` cannot be read: {fault}"))
}

async fn check_models(client: &Client, pipeline: &str) -> Result<Exit> {
    let answer = client
        .server
        .call(Call::post(&["pipelines", pipeline, "validate"]))
        .await?;
    let Validations { models } = read(&answer)?;
    let printed = client.output.one(
        &answer,
        |_: &Validations| pipeline.to_owned(),
        |validations| {
            client.output.table(
                &["MODEL", "RESULT", "PLACE", "DETAIL"],
                validations.models.iter().map(cells).collect(),
            )
        },
    );

    exit_of(models.iter().all(|model| model.valid)).after(printed)
}

fn exit_of(is_valid: bool) -> Exit {
    if is_valid {
        Exit::Succeeded
    } else {
        Exit::Failed
    }
}

fn cells(model: &Validation) -> Vec<Cell> {
    vec![
        Cell::text(&model.model),
        Cell::word(if model.valid { "valid" } else { "invalid" }),
        Cell::text(place(&model.file, model.line, model.line_column)),
        Cell::text(model.detail.as_deref().unwrap_or_default()),
    ]
}

/// `models/orders.sql:6:5`.
fn place(file: &str, line: Option<i64>, column: Option<i64>) -> String {
    let numbers = [line, column]
        .into_iter()
        .flatten()
        .map(|number| format!(":{number}"));

    format!("{file}{}", numbers.collect::<String>())
}
