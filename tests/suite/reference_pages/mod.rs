//! The pages of docs/reference: some are generated from the code, the others are compared with it.

mod api;
mod metrics;
mod problems;
mod settings;
mod written;

use std::path::PathBuf;
use std::process::Command;

pub(super) use written::read;

/// The head of every generated page.
const GENERATED: &str =
    "<!-- Written by tests/suite/reference_pages: change the code, then run `make test`. -->\n";

/// Where the options begin that all commands to a service share.
const SHARED: &str = "Server and output:\n";

/// Compares a page with its expected text, and rewrites the page if they differ.
fn keep(page: &str, title: &str, body: &str) {
    let now = format!("# {title}\n\n{GENERATED}\n{}\n", body.trim());
    let path = reference().join(page);
    if std::fs::read_to_string(&path).unwrap_or_default() != now {
        std::fs::write(&path, now).expect("a file");
        panic!(
            "docs/reference/{page} was out of date and has been written anew: review and commit it"
        );
    }
}

fn reference() -> PathBuf {
    repository().join("docs/reference")
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Text that fits into a cell of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ")
        .replace('|', "\\|")
        .trim()
        .to_owned()
}

/// The names of all Rust files of the service, with their text.
fn rust_files() -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![repository().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(std::fs::read_to_string(path).expect("a file"));
            }
        }
    }

    files
}

#[test]
fn the_page_of_the_command_line_is_up_to_date() {
    let commands: &[&[&str]] = &[
        &[],
        &["serve"],
        &["migrate"],
        &["check"],
        &["init"],
        &["unit-test"],
        &["settings"],
        &["openapi"],
        &["audit-trigger"],
        &["generate"],
        &["generate", "files"],
        &["run"],
        &["runs"],
        &["runs", "show"],
        &["runs", "steps"],
        &["runs", "tests"],
        &["runs", "logs"],
        &["runs", "cancel"],
        &["runs", "retry"],
        &["runs", "sql"],
        &["status"],
        &["freshness"],
        &["changes"],
        &["tables"],
        &["rows"],
        &["history"],
        &["rejects"],
        &["rejects", "replay"],
        &["rejects", "dismiss"],
        &["test"],
        &["reset"],
        &["leftovers"],
        &["leftovers", "delete"],
        &["sources"],
        &["sources", "check"],
        &["plan"],
        &["validate"],
        &["pause"],
        &["resume"],
        &["models"],
        &["models", "show"],
        &["models", "sql"],
        &["models", "refresh"],
        &["context"],
        &["context", "set"],
        &["context", "use"],
        &["completions"],
        &["man"],
    ];
    let mut body = vec![
        "One program does everything. Each command says what it takes by `--help`.\n".to_owned(),
    ];
    // What all commands that ask a service take is told once.
    let mut shared = String::new();
    for command in commands {
        let help = Command::new(env!("CARGO_BIN_EXE_icefront"))
            .env_clear()
            .env("COLUMNS", "84")
            .args(*command)
            .arg("--help")
            .output()
            .expect("a help");
        let help = String::from_utf8(help.stdout).expect("UTF-8");
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        let mut help = lines.join("\n");
        if let Some(at) = help.find(SHARED) {
            let rest = help.split_off(at);
            if rest.contains("Exit codes:") {
                shared = rest;
            }
        }
        let name = [&["icefront"], *command].concat().join(" ");
        body.push(format!("\n## {name}\n\n```text\n{}\n```\n", help.trim()));
    }
    body.push(format!(
        "\n## Server and output\n\nEach command that asks a service, from `run` to `models`, takes these options, too.\n\n```text\n{}\n```\n",
        shared.trim()
    ));

    keep("cli.md", "Command line", &body.concat());
}
