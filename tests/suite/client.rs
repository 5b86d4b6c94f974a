//! The client: commands as a user types them, against a real service.

use std::process::{Command, Stdio};
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::harness::{
    ITEMS, Moment, Proxy, Service, Terminal, Then, Trap, delete, hold, insert, items_trigger,
    shown, update,
};

/// What a command printed, and its exit code.
#[derive(Debug)]
pub(super) struct Told {
    code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Told {
    #[track_caller]
    pub(super) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");

        self
    }

    /// The lines of the answer, their columns parted by `|`, with masks for what differs in each run.
    fn shown(&self) -> String {
        masked(&self.out)
    }
}

fn masked(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let indent = if line.starts_with(' ') { "  " } else { "" };
        let cells = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty());
        format!(
            "{indent}{}",
            cells.map(masked_cell).collect::<Vec<_>>().join(" | ")
        )
    });

    lines.collect::<Vec<_>>().join("\n")
}

fn masked_cell(cell: &str) -> String {
    let cell = shown(&json!(cell)).as_str().expect("text").to_owned();
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    let is_duration = |text: &str| {
        let mut parts = text.split(' ');
        parts.all(|part| {
            part.strip_suffix(['s', 'm', 'h', 'd'])
                .is_some_and(is_number)
        })
    };
    let is_hash =
        |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_duration(cell.strip_suffix(" ago").unwrap_or(&cell)) {
        return "<duration>".to_owned();
    }
    if cell.split_once('.').is_some_and(|(_, id)| is_hash(id)) {
        return "<reject>".to_owned();
    }
    // Events of a test are of the new year.
    let is_time = cell
        .replacen(' ', "T", 1)
        .parse::<jiff::Timestamp>()
        .is_ok();
    if is_time && !cell.starts_with("2026-01-01") {
        return "<time>".to_owned();
    }
    // The size of a file is Parquet's.
    let counts = cell.split(", ").map(|count| {
        if count.starts_with("bytes ") {
            "bytes <n>"
        } else {
            count
        }
    });

    counts.collect::<Vec<_>>().join(", ")
}

/// Lines in an order that does not depend on what ran side by side.
fn sorted(lines: &str) -> String {
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();

    lines.join("\n")
}

impl Service {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_icefront"));
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("ICEFRONT_SERVER", format!("http://{}", self.address))
            .args(arguments)
            .stdin(Stdio::null());

        command
    }

    /// Types a command, and waits for its end.
    async fn icefront(&self, arguments: &[&str]) -> Told {
        told(self.command(arguments)).await
    }

    /// Types a command that asks the service over a wire.
    async fn icefront_over(&self, wire: &Proxy, arguments: &[&str]) -> Told {
        let mut command = self.command(arguments);
        command.env("ICEFRONT_SERVER", format!("http://{}", wire.address));
        command.env("ICEFRONT_TOKEN", "s3cret");

        told(command).await
    }
}

/// The service of a test runs in the test's own thread, which must not wait for the command.
pub(super) async fn told(mut command: Command) -> Told {
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("no panic").expect("the program starts");

    Told {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

#[tokio::test]
async fn the_exit_code_of_a_run_tells_its_outcome() {
    let pipeline = ITEMS.replace("tables:", "max_rejects: {share: 0.5, at_least: 1}\ntables:");
    let service = Service::items().defined(&pipeline).start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    let name = service.name.as_str();

    let succeeded = service
        .icefront(&["run", name, "--wait", "--label", "team=sales"])
        .await
        .ends(0);
    assert!(
        succeeded.err.contains("succeeded  stage.items") && succeeded.err.contains("staged 1"),
        "{succeeded:#?}"
    );
    assert!(succeeded.out.starts_with("succeeded  "), "{succeeded:#?}");
    let run = service
        .icefront(&["runs", "show", "latest", "-o", "json"])
        .await
        .ends(0);
    let run: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(run["labels"], json!({"team": "sales"}));

    service
        .log(&[insert(2, 2, "x", "b"), insert(3, 3, "y", "c")])
        .await;
    let failed = service
        .icefront(&["run", name, "--wait", "-o", "name"])
        .await
        .ends(1);
    assert_eq!(masked(&failed.out), "<id>");
    assert!(
        failed.err.contains("problem: too-many-rejects")
            && failed.err.contains("raise `max_rejects`"),
        "{failed:#?}"
    );

    let blocker = hold(&service).await;
    let running = service
        .icefront(&["run", name, "--wait", "--timeout", "1s"])
        .await
        .ends(4);
    assert!(
        running
            .err
            .contains("the run goes on; look at it by `icefront runs show"),
        "{running:#?}"
    );
    let cancelled = tokio::join!(service.icefront(&["runs", "logs", "-f", "latest"]), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        service
            .icefront(&["runs", "cancel", "latest"])
            .await
            .ends(0);
        drop(blocker);
    });
    cancelled.0.ends(3);
}

#[tokio::test]
async fn a_command_that_cannot_be_done_says_what_to_do() {
    let service = Service::items().start().await;
    let near = format!("{}x", service.name);

    let wrong = service.icefront(&["run", &near]).await.ends(2);
    assert_snapshot!(masked(&wrong.err), @"
    error: there is no pipeline `testx`; did you mean `test`?
      problem: not-found
      request: <id>
    ");
    let wrong = service.icefront(&["history", "itmes", "1"]).await.ends(2);
    assert_snapshot!(masked(&wrong.err), @"error: there is no table `itmes`; did you mean `test.items`?");
    let away = service
        .icefront(&["status", "--server", "http://127.0.0.1:1"])
        .await
        .ends(5);
    assert!(
        away.err.contains("cannot be reached: Connection refused")
            && away.err.contains("give its address by `--server`"),
        "{away:#?}"
    );
    service.icefront(&["status", "--nowhere"]).await.ends(2);
    service.icefront(&["runs", "show", "newest"]).await.ends(2);
}

/// A service with two runs: inserts; then an update, a delete, and a reject.
async fn with_two_runs() -> Service {
    let service = Service::items().start().await;
    service
        .log(&[insert(1, 1, 1, "a"), insert(2, 2, 2, "b")])
        .await;
    service.run().await.succeeds();
    service
        .log(&[
            update(3, 1, 3, "a"),
            delete(4, 2, 2, "b"),
            insert(5, 2, "x", "b"),
        ])
        .await;
    service.run().await.succeeds();

    service
}

#[tokio::test]
async fn data_is_shown_for_people() {
    let service = with_two_runs().await;
    let show = async |arguments: &[&str]| service.icefront(arguments).await.ends(0).shown();

    assert_snapshot!(show(&["status"]).await, @"
    PIPELINE | STATE | LAST RUN | ENDED | NEXT RUN | FRESHNESS | REJECTS
    test | usable | succeeded | <duration> | - | pass | 1

    test: 1 reject waits; see `icefront rejects --pipeline test`
    ");
    assert_snapshot!(show(&["freshness"]).await, @"
    NAME | STATUS | LAG | COMPLETE UNTIL | REASON | DETAIL
    test.items | pass | <duration> | <time> | rejected
    ");
    assert_snapshot!(show(&["history", "items", "1"]).await, @"
    test.items | id=1 | 2 versions
    ● 2026-01-01 00:01:00Z | inserted
    │ | amount | 1.00
    │ | name | a
    ● 2026-01-01 00:03:00Z | updated
    │ ~ amount | 1.00 → 3.00
    ");
    assert_snapshot!(show(&["history", "items", "id=2"]).await, @"
    test.items | id=2 | 1 version
    ● 2026-01-01 00:02:00Z | inserted
    │ | amount | 2.00
    │ | name | b
    ● 2026-01-01 00:04:00Z | deleted
    ");
    assert_snapshot!(show(&["rows", "items"]).await, @"
    id | amount | name
    1 | 3.00 | a
    ");
    assert_snapshot!(show(&["rows", "items", "--as-of", "2026-01-01T00:02:30Z"]).await, @"
    id | amount | name | valid_from | valid_to
    1 | 1.00 | a | <time> | <time>
    2 | 2.00 | b | <time> | <time>
    ");
    assert_snapshot!(show(&["changes", "items"]).await, @"
    NAME | CHANGED | RUN | INSERTED | UPDATED | DELETED | READ | REJECTED | DUPLICATE | REFRESHES
    test.items | <time> | <id> | 0 | 1 | 1 | 3 | 1 | 0 | -
    test.items | <time> | <id> | 2 | 0 | 0 | 2 | 0 | 0 | -
    ");
    assert_snapshot!(show(&["tables"]).await, @"
    TABLE | FROM | KEY | REJECTS | DRIFT
    test.items | public.items | id | 1
    ");
    assert_snapshot!(show(&["rejects", "--table", "items"]).await, @"
    REJECT | TABLE | REASON | COLUMN | VALUE | OPERATION | OCCURRED
    <reject> | test.items | bad_value | amount | x | insert | 2026-01-01 00:05:00Z
    ");
}

#[tokio::test]
async fn a_plan_prints_the_statements_for_source_tables_and_models() {
    let mut service = Service::items().start().await;
    service.write_model(
        "names.sql",
        "{{ config(materialized='table') }} select name, count(*) as items from {{ ref('items') }} group by name",
    );
    service.restart().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    service.log(&[insert(2, 2, 2, "b")]).await;

    let told = service
        .icefront(&["plan", &service.name, "--sql"])
        .await
        .ends(0);
    let lines: Vec<&str> = told.out.lines().collect();
    let steps: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("  -- "))
        .filter(|line| !line.contains(' '))
        .collect();
    assert_eq!(
        steps,
        [
            "extract",
            "stage.items",
            "mart.items",
            "mart.items_history",
            "model.names",
            "model.names"
        ]
    );
    for part in [
        "  copy (",
        "  merge into",
        "  create or replace table",
        "may change `lake.",
    ] {
        assert!(told.out.contains(part), "{part}: {}", told.out);
    }
    let plain = service.icefront(&["plan", &service.name]).await.ends(0);
    assert!(!plain.out.contains("--"), "{}", plain.out);
}

#[tokio::test]
async fn runs_are_shown_for_people() {
    let service = with_two_runs().await;
    let show = async |arguments: &[&str]| service.icefront(arguments).await.ends(0).shown();

    assert_snapshot!(show(&["runs", "--state", "succeeded"]).await, @"
    RUN | PIPELINE | KIND | STATE | TRIGGER | CREATED | DURATION | PROBLEM
    <id> | test | build | succeeded | api | <duration> | <duration>
    <id> | test | build | succeeded | api | <duration> | <duration>
    ");
    assert_snapshot!(show(&["runs", "show", "latest"]).await, @"
    run | <id>
    pipeline | test
    kind | build
    state | succeeded
    trigger | api
    attempt | 1
    created | <time>
    started | <time>
    finished | <time>
    duration | <duration>
    counts | read 3, bytes <n>, files 1, events 3, staged 2, deleted 1, updated 1, rejected 1, published 2, versions_closed 2, versions_opened 1
    ");
    // The marts begin side by side.
    let steps = show(&["runs", "steps", "latest"]).await;
    assert_snapshot!(sorted(&steps), @"
    STEP | STATE | ATTEMPT | DURATION | COUNTS
    extract | succeeded | 1 | <duration> | bytes <n>, files 1, events 3
    mart.items | succeeded | 1 | <duration> | deleted 1, updated 1, published 2
    mart.items_history | succeeded | 1 | <duration> | versions_closed 2, versions_opened 1
    stage.items | succeeded | 1 | <duration> | read 3, staged 2, rejected 1
    ");
    assert_snapshot!(show(&["plan", &service.name]).await, @"test.items | nothing waits");
    assert_snapshot!(show(&["sources"]).await, @"
    SOURCE | KIND | FROM | READ UNTIL | LAST NEWS
    test | postgres_audit_log | shop | <time> | <time>
    ");
    assert_snapshot!(show(&["pause", &service.name]).await, @"test is paused: only calls start its runs");
    assert_snapshot!(show(&["resume", &service.name]).await, @"test is not paused; it has no schedule, so calls start its runs");
    let sql = show(&["runs", "sql", "latest", "mart.items"]).await;
    assert!(sql.contains("merge into"), "{sql}");
    let planned = show(&["reset", "items"]).await;
    assert!(planned.contains("drop_table"), "{planned}");
    assert!(
        planned.contains("lost: events that were deleted"),
        "{planned}"
    );
    let confirmed = format!("{}.items", service.name);
    let reset = show(&["reset", "items", "--confirm", &confirmed]).await;
    assert!(reset.contains("queued"), "{reset}");
}

#[tokio::test]
async fn the_tests_of_a_table_look_at_all_its_rows() {
    let tested =
        |tests: &str| ITEMS.replace("key: [id]}", &format!("key: [id], tests: [{tests}]}}"));
    let warns = "{expression: {sql: amount > 1, severity: warn}}";
    let mut service = Service::items().defined(&tested(warns)).start().await;
    service
        .log(&[insert(1, 1, 1, "a"), insert(2, 2, 2, "b")])
        .await;
    service.run().await.succeeds();

    let warned = service
        .icefront(&["test", "items", "--wait", "--quiet"])
        .await
        .ends(0);
    assert_snapshot!(warned.shown(), @"
    succeeded | test | <duration> | tests 1, tests_warned 1
    OF | TEST | STATUS | FAILURES | ALLOWED | ROWS
    test.items | expression_1 | warn | 1 | 0 | 2
    ");
    service.define(&tested(&format!("{warns}, {{expression: amount < 2}}")));
    service.restart().await;
    let failed = service.icefront(&["test", "items", "--wait"]).await.ends(1);
    assert!(
        failed.err.contains("problem: test-failed") && failed.out.contains("error"),
        "{failed:#?}"
    );
    let listed = service.icefront(&["runs", "tests", "latest"]).await.ends(0);
    assert_snapshot!(listed.shown(), @"
    OF | TEST | STATUS | FAILURES | ALLOWED | ROWS
    test.items | expression_1 | warn | 1 | 0 | 2
    test.items | expression_2 | error | 1 | 0 | 2
    ");
    let json = service
        .icefront(&["test", "items", "--wait", "-o", "json"])
        .await
        .ends(1);
    let run: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(
        (&run["kind"], &run["state"]),
        (&json!("test"), &json!("failed"))
    );
    let begun = service
        .icefront(&["test", "items", "-o", "name"])
        .await
        .ends(0);
    assert_eq!(masked(&begun.out), "<id>");
    let unknown = service.icefront(&["test", "itmes"]).await.ends(2);
    assert!(unknown.err.contains("did you mean"), "{unknown:#?}");
}

#[tokio::test]
async fn a_plan_prints_the_statements_of_the_next_run() {
    let service = Service::items().start().await;
    let plan = async |more: &[&str]| {
        let arguments = [&["plan", service.name.as_str()], more].concat();
        service.icefront(&arguments).await.ends(0).out
    };
    service.log(&[insert(1, 1, 1, "a")]).await;

    let told = plan(&["--sql"]).await;
    assert!(told.starts_with("waiting in the source: 1\n"), "{told}");
    let answer: Value = serde_json::from_str(&plan(&["--sql", "-o", "json"]).await).expect("JSON");
    let statements = answer["tables"][0]["statements"].as_array();
    let told_of = |statement: &Value| {
        let text = |name: &str| statement[name].as_str().expect("a text").to_owned();
        let sql = text("sql");
        let sql = sql.lines().map(|line| format!("  {line}\n"));
        format!("  -- {}\n{}", text("step"), sql.collect::<String>())
    };
    let statements: Vec<String> = statements.expect("them").iter().map(told_of).collect();
    assert!(told.ends_with(&statements.concat()), "{told}");
    assert!(statements.concat().contains("create"), "{told}");
    assert!(!plan(&[]).await.contains("create"));
    service.run().await.succeeds();
    assert!(!plan(&["--sql"]).await.contains("create"));
}

#[tokio::test]
async fn answers_can_be_read_by_programs() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    let run = service.run().await.succeeds();

    for list in [
        "runs",
        "tables",
        "freshness",
        "changes",
        "rejects",
        "sources",
        "models",
        "status",
    ] {
        let json = service.icefront(&[list, "-o", "json"]).await.ends(0);
        let json: Value = serde_json::from_str(&json.out).expect("JSON");
        assert!(
            json["data"].is_array() && json["next"].is_null(),
            "{list}: {json:#}"
        );
    }
    let yaml = service.icefront(&["runs", "-o", "yaml"]).await.ends(0);
    assert!(
        yaml.out.starts_with("data:\n") && yaml.out.contains("state: succeeded"),
        "{yaml:#?}"
    );
    let names = service.icefront(&["tables", "-o", "name"]).await.ends(0);
    assert_eq!(names.out, format!("{}.items\n", service.name));
    let ids = service.icefront(&["runs", "-o", "name"]).await.ends(0);
    assert_eq!(ids.out.trim_end(), run["id"], "{ids:#?}");
}

#[tokio::test]
async fn stale_data_fails_a_check() {
    let pipeline = ITEMS.replace("key: [id]", "key: [id], freshness: {warn_after: 1ms}");
    let service = Service::items().defined(&pipeline).start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();

    service.icefront(&["freshness", "items"]).await.ends(0);
    service
        .icefront(&["freshness", "--fail-on", "error"])
        .await
        .ends(0);
    service
        .icefront(&["freshness", "--fail-on", "warn"])
        .await
        .ends(1);
}

#[tokio::test]
async fn a_check_of_what_has_no_limit_warns_that_it_never_fails() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();

    let check = ["freshness", "--fail-on", "warn", "-o", "name"];
    let told = service.icefront(&check).await.ends(0);
    assert!(told.err.contains("1 of 1 have no limit"), "{told:#?}");
    assert_eq!(told.out, "");
}

#[tokio::test]
async fn a_table_is_checked_and_made_again_by_commands() {
    let tables = format!(
        "create table items (id bigint primary key, amount numeric(10,2), name text); {}",
        items_trigger()
    );
    let service = Service::of(ITEMS).tables(&tables).start().await;
    service.write("insert into items values (1, 1, 'a')").await;
    service.run().await.succeeds();

    for verb in ["verify", "rebuild", "restage", "resync"] {
        let told = service.icefront(&[verb, "items", "--wait"]).await.ends(0);
        assert!(told.out.contains("succeeded"), "{verb}: {told:#?}");
    }
}

#[tokio::test]
async fn a_lost_answer_starts_no_second_run() {
    let service = Service::items().start().await;
    let wire = Proxy::start(&service.address.to_string()).await;
    wire.arm(Trap {
        request: "POST /v1/pipelines",
        pass: 0,
        later: 0,
        moment: Moment::Answered,
        spring: Box::new(|| Then::Cut),
    });

    service
        .icefront_over(&wire, &["run", &service.name, "--wait"])
        .await
        .ends(0);

    assert!(!wire.disarm(), "no answer was lost");
    let runs = service.get("/v1/runs").await.body;
    assert_eq!(runs["data"].as_array().map(Vec::len), Some(1), "{runs:#}");
}

#[tokio::test]
async fn a_question_is_asked_again_while_the_service_is_away() {
    let service = Service::items().start().await;
    let wire = Proxy::start(&service.address.to_string()).await;
    wire.swap("HTTP/1.1 200", "HTTP/1.1 503");
    let asked = service.icefront_over(&wire, &["tables", "-o", "name"]);
    let back = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        wire.swap("", "");
    };

    let (told, ()) = tokio::join!(asked, back);

    assert_eq!(told.ends(0).out, format!("{}.items\n", service.name));
}

#[tokio::test]
async fn the_token_goes_to_its_server_only_and_is_never_printed() {
    let service = Service::items().start().await;
    let wire = Proxy::start(&service.address.to_string()).await;
    wire.arm(Trap {
        request: "authorization: Bearer s3cret",
        pass: 0,
        later: 0,
        moment: Moment::After,
        spring: Box::new(|| Then::GoOn),
    });
    service.icefront_over(&wire, &["tables"]).await.ends(0);
    assert!(!wire.disarm(), "the token was not sent");

    let refused = service
        .icefront_over(
            &wire,
            &["tables", "--server", "http://icefront.example.com"],
        )
        .await
        .ends(2);
    assert!(
        refused.err.contains("without encryption") && !refused.err.contains("s3cret"),
        "{refused:#?}"
    );
}

#[tokio::test]
async fn a_hostile_value_cannot_drive_the_terminal() {
    let service = Service::items().start().await;
    let hostile = "\u{1b}]0;title\u{7}\u{9b}2J\u{202e}";
    service.log(&[insert(1, 1, 1, hostile)]).await;
    service.run().await.succeeds();

    for arguments in [
        &["rows", "items"][..],
        &["history", "items", "1"],
        &["rows", "items", "-o", "json"],
        &["rows", "items", "-o", "yaml"],
    ] {
        let told = service.icefront(arguments).await.ends(0);
        let is_safe = |sign: char| sign == '\n' || !(sign.is_control() || sign == '\u{202e}');
        assert!(
            told.out.contains("title") && told.out.chars().all(is_safe),
            "{told:#?}"
        );
    }
    let json = service.icefront(&["rows", "items", "-o", "json"]).await;
    let json: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(json["data"][0]["name"], hostile);
}

#[tokio::test]
async fn contexts_name_servers() {
    let service = Service::items().start().await;
    let own = format!("http://{}", service.address);
    let type_in = async |arguments: &[&str]| {
        let mut command = service.command(arguments);
        command.env_remove("ICEFRONT_SERVER");
        told(command).await
    };

    type_in(&["context", "set", "away", "--server", "http://127.0.0.1:1"])
        .await
        .ends(0);
    type_in(&["context", "set", "own", "--server", &own])
        .await
        .ends(0);
    type_in(&["tables"]).await.ends(5);
    type_in(&["tables", "--context", "own"]).await.ends(0);
    type_in(&["context", "use", "own"]).await.ends(0);
    type_in(&["tables"]).await.ends(0);
    let wrong = type_in(&["context", "use", "nowhere"]).await.ends(2);
    assert!(wrong.err.contains("there are `away`, `own`"), "{wrong:#?}");
    let list = type_in(&["context"])
        .await
        .ends(0)
        .out
        .replace(&own, "<own>");
    assert_snapshot!(masked(&list), @"
      NAME | SERVER | TOKEN FILE
      away | http://127.0.0.1:1 | -
    * | own | <own> | -
    ");
}

#[tokio::test]
async fn shells_and_manuals_know_the_commands() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().to_str().expect("UTF-8");
    let type_in = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_icefront"));
        command.args(arguments);
        told(command).await.ends(0)
    };

    type_in(&["man", "--to", pages]).await;
    for shell in ["bash", "zsh", "fish"] {
        let script = type_in(&["completions", shell]).await.out;
        assert!(
            script.contains("freshness") && script.contains("full-refresh"),
            "{script}"
        );
    }
    for page in [
        "icefront.1",
        "icefront-run.1",
        "icefront-runs-logs.1",
        "icefront-serve.1",
    ] {
        assert!(folder.path().join(page).is_file(), "{page}");
    }
}

#[tokio::test]
async fn a_terminal_shows_the_steps_and_asks_before_it_cancels() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    let blocker = hold(&service).await;
    let terminal = Terminal::start(&service.command(&["run", &service.name, "--wait"]));

    terminal.shows("extract").await;
    terminal.press(&["C-c"]);
    terminal.shows("cancel the run? [y/N").await;
    terminal.press(&["n", "Enter"]);
    terminal.shows("extract").await;
    terminal.press(&["C-c"]);
    terminal.shows_times("cancel the run? [y/N", 2).await;
    terminal.press(&["y", "Enter"]);
    terminal.shows("the run is being cancelled").await;
    drop(blocker);

    let screen = terminal.ends(3).await;
    assert!(screen.contains("cancelled  test"), "{screen}");
}

#[tokio::test]
async fn a_caller_may_leave_a_run_alone() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    let blocker = hold(&service).await;
    let terminal = Terminal::start(&service.command(&["run", &service.name, "--wait"]));

    terminal.shows("extract").await;
    terminal.press(&["C-c"]);
    terminal.shows("cancel the run?").await;
    terminal.press(&["C-c"]);
    let screen = terminal.ends(4).await;
    drop(blocker);

    assert!(
        screen.contains("the run goes on; look at it by"),
        "{screen}"
    );
    service
        .icefront(&["runs", "logs", "-f", "latest"])
        .await
        .ends(0);
}

#[tokio::test]
async fn a_terminal_shows_at_the_end_what_happened() {
    let service = Service::items().start().await;
    service
        .log(&[insert(1, 1, 1, "a"), update(2, 1, 3, "a")])
        .await;
    let in_terminal = async |arguments: &[&str]| {
        let terminal = Terminal::start(&service.command(arguments));
        terminal.ends(0).await
    };

    let screen = in_terminal(&["run", &service.name, "--wait"]).await;
    // The marts end side by side.
    assert_snapshot!(sorted(&masked(&screen)), @"
    run <id> of test
    succeeded | extract | <duration> | bytes <n>, files 1, events 2
    succeeded | mart.items | <duration> | inserted 1, published 2, superseded 1
    succeeded | mart.items_history | <duration> | versions_opened 2
    succeeded | stage.items | <duration> | read 2, staged 2
    succeeded | test | <duration> | read 2, bytes <n>, files 1, events 2, staged 2, inserted 1, published 2, superseded 1, versions_opened 2
    ");
    let plain = service
        .icefront(&["run", &service.name, "--wait"])
        .await
        .ends(0);
    assert_snapshot!(sorted(&masked(&format!("{}{}", plain.err, plain.out))), @"
    run <id> of test
    succeeded | extract | <duration>
    succeeded | mart.items | <duration>
    succeeded | mart.items_history | <duration>
    succeeded | stage.items | <duration>
    succeeded | test | <duration>
    ");
    assert_snapshot!(masked(&in_terminal(&["status"]).await), @"
    PIPELINE | STATE | LAST RUN | ENDED | NEXT RUN | FRESHNESS | REJECTS
    test | usable | succeeded | <duration> | - | pass | 0
    ");
    assert_snapshot!(masked(&in_terminal(&["history", "items", "1"]).await), @"
    test.items | id=1 | 2 versions
    ● 2026-01-01 00:01:00Z | inserted
    │ | amount | 1.00
    │ | name | a
    ● 2026-01-01 00:02:00Z | updated
    │ ~ amount | 1.00 → 3.00
    ");
    let plain = service.icefront(&["history", "items", "1"]).await.ends(0);
    assert!(!plain.out.contains('\u{1b}'), "{plain:#?}");
}

#[tokio::test]
async fn each_command_of_the_guide_is_one() {
    let guide = include_str!("../../docs/guides/cli.md");
    let commands: Vec<&str> = guide
        .lines()
        .filter_map(|line| line.strip_prefix("$ icefront "))
        .collect();
    assert!(commands.len() > 20);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("token"), "s3cret").expect("a file");

    for typed in commands {
        let mut shell = Command::new("sh");
        shell
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .env("ICEFRONT_SERVER", "http://127.0.0.1:1")
            .env_remove("XDG_CONFIG_HOME")
            .args(["-c", &format!("{} {typed}", env!("CARGO_BIN_EXE_icefront"))]);
        let told = told(shell).await;
        assert!(
            !told.err.contains("Usage:") && !told.err.contains("panicked"),
            "{typed}: {told:#?}"
        );
    }
}

#[tokio::test]
async fn the_files_of_a_folder_are_checked_before_they_are_on_the_service() {
    let service = Service::items().start().await;
    let folder = service.folder.path().join("next");
    let models = folder.join("models/marts");
    std::fs::create_dir_all(&models).expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file");
    let given = folder.to_str().expect("UTF-8");
    let validate = ["validate", "--folder", given];

    service.icefront(&["validate"]).await.ends(2);
    let told = service.icefront(&validate).await.ends(2);
    assert!(told.err.contains("has no `pipeline.yaml`"), "{told:#?}");

    let right = ITEMS.replace("PIPELINE", &service.name);
    write("pipeline.yaml", &right);
    write(
        "models/marts/all_items.sql",
        "select * from {{ ref('items') }}",
    );
    write("models/notes.txt", "{{");
    let told = service.icefront(&validate).await.ends(0);
    assert_eq!(told.out, "the definition is right\n");

    write(
        "models/marts/all_items.sql",
        "select * from {{ ref('itms') }}",
    );
    write("pipeline.yaml", &format!("{right}poll: 1ms\n"));
    let told = service.icefront(&validate).await.ends(1);
    assert!(
        told.out
            .contains(": `poll` is less than a second; write `1s` or more\n")
            && told.out.contains("error: models/marts/all_items.sql:1: ")
            && told.out.contains("did you mean `items`?\n"),
        "{told:#?}"
    );
}

#[tokio::test]
async fn at_night_a_leftover_is_deleted_only_with_its_name_as_confirmation() {
    let mut service = with_two_runs().await;
    let name = format!("{}.items", service.name);
    let folder = service.folder.path().join("pipelines").join(&service.name);
    std::fs::remove_dir_all(folder).expect("removed");
    service.restart().await;

    let list = service.icefront(&["leftovers"]).await.ends(0);
    assert!(list.out.contains("removed"), "{list:#?}");
    assert!(list.out.contains("marts.items_history"), "{list:#?}");
    let shown = service.icefront(&["leftovers", "delete", &name]).await;
    let shown = shown.ends(0);
    assert!(shown.out.contains("drop_table"), "{shown:#?}");
    assert!(
        shown.err.contains(&format!("--confirm {name}")),
        "{shown:#?}"
    );
    let delete = ["leftovers", "delete", &name, "--confirm"];
    service
        .icefront(&[&delete[..], &["items"]].concat())
        .await
        .ends(2);
    let deleted = [&delete[..], &[name.as_str(), "--wait", "--quiet"]].concat();
    service.icefront(&deleted).await.ends(0);
    let list = service.icefront(&["leftovers", "-o", "name"]).await.ends(0);
    assert_eq!(list.out, "");
}
