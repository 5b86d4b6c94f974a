//! The command line: `serve`, the small commands around it, and those of the client.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};

use icefront::app::App;
use icefront::auth::Key;
use icefront::config::Config;
use icefront::error::Error;
use icefront::init::Init;
use icefront::landing::Folder;
use icefront::models::UnitTestResult;
use icefront::pipeline::{BrokenPipeline, Pipelines};
use icefront::postgres::Server;
use icefront::report::ReadFolder;
use icefront::state::{Status, Store};
use icefront::trino::Trino;
use icefront::{http, log, report, serve, webhooks};
use icefront_generate::{AuditTrigger, GenerateFiles, GenerateShop};

/// Change data pipelines on Trino and Apache Iceberg behind one REST API.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and execute runs, until SIGTERM or Ctrl-C
    Serve(Settings),
    /// Bring the state database up to date, as `serve` does at its start if `state.migrate` is true
    Migrate(Settings),
    /// Read the settings, every pipeline and every receiver of messages, and say what is wrong with them
    Check(Settings),
    Init(InitPipeline),
    /// Run the unit tests of a pipeline's models, in Trino and without a table
    ///
    /// `icefront test` runs the tests of a table that has rows.
    UnitTest(TestModels),
    Key(Key),
    #[command(hide = true)]
    ReadFolder(ReadOneFolder),
    /// Print every setting with its default and what it means
    Settings,
    /// Print the OpenAPI document
    Openapi,
    Generate(Generate),
    AuditTrigger(AuditTrigger),
    #[command(flatten)]
    Client(icefront_client::Command),
}

#[derive(Debug, clap::Args)]
struct TestModels {
    #[command(flatten)]
    settings: Settings,
    /// The pipeline
    #[arg(long, value_name = "NAME")]
    pipeline: String,
    /// Only the unit tests of this model
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

#[derive(Debug, clap::Args)]
struct InitPipeline {
    #[command(flatten)]
    init: Init,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, clap::Args)]
struct ReadOneFolder {
    #[command(flatten)]
    read: ReadFolder,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, clap::Args)]
struct Settings {
    /// The settings, a TOML file; every key can also be set by `ICEFRONT__SECTION__KEY`. `icefront settings` shows them all
    #[arg(long, value_name = "FILE", env = "ICEFRONT_CONFIG")]
    config: Option<PathBuf>,
}

/// Fill a Postgres database with a shop's customers and orders, and change them, with every change logged by triggers.
///
/// Makes the tables, the log and the triggers where they are missing, and goes on with the rows that are there. The customers have
/// `updated_at`, so that they can be read without the log, too. `generate files` drops files instead.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Generate {
    #[command(flatten)]
    shop: Option<GenerateShop>,
    #[command(subcommand)]
    files: Option<FilesCommand>,
}

#[derive(Debug, Subcommand)]
enum FilesCommand {
    Files(GenerateFiles),
}

impl Settings {
    fn load(&self) -> icefront::error::Result<Config> {
        Config::load(self.config.as_deref())
    }
}

/// The stack of each thread, in bytes. Reading a file's deeply nested schema recurses; a page that is not used costs nothing.
const STACK: usize = 64 << 20;
/// The longest wait for threads that still compute, after everything else has ended.
const LAST_WORK: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.command, Command::Serve(_)) {
        share_memory();
    }
    if let Command::ReadFolder(ReadOneFolder { read, settings }) = &arguments.command {
        // The threads of a runtime would take its memory.
        let found = settings.load().and_then(|config| read.run(&config));
        return shown(found);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build();
    let ended = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let ended = runtime.block_on(execute(arguments));
        runtime.shutdown_timeout(LAST_WORK);
        ended
    });

    ended.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn shown(found: icefront::error::Result<String>) -> ExitCode {
    match found
        .map_err(anyhow::Error::from)
        .and_then(|text| show(&text))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Starts this process again with one memory pool for all threads: 80 MiB instead of 130, and as fast.
///
/// Threads take turns to read, encode and write batches, and glibc would keep a pool for each. It reads the variable only when a process starts.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn share_memory() {
    use std::os::unix::process::CommandExt;

    const POOLS: &str = "MALLOC_ARENA_MAX";
    if std::env::var_os(POOLS).is_some() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let arguments = std::env::args_os().skip(1);
        let mut again = std::process::Command::new(program);
        // Returns only on failure; then this process goes on with more memory.
        let _ = again.args(arguments).env(POOLS, "1").exec();
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn share_memory() {}

async fn execute(Arguments { command }: Arguments) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(settings) => {
            let config = settings.load()?;
            let _traces = log::begin(&config)?;
            serve::serve(config).await?;
        }
        Command::Migrate(settings) => {
            Store::new(&settings.load()?.state)?.migrate().await?;
            println!("the state database is up to date");
        }
        Command::Check(settings) => return check(&settings.load()?),
        Command::Init(init) => return init_pipeline(&init).await,
        Command::UnitTest(test) => return test_models(&test).await,
        Command::Key(key) => make_key(&key)?,
        // It ran before there was a runtime.
        Command::ReadFolder(_) => {}
        Command::Settings => show(Config::defaults())?,
        Command::Generate(Generate { shop, files }) => match (shop, files) {
            (_, Some(FilesCommand::Files(files))) => println!("{}", files.run().await?),
            (Some(shop), None) => println!("{}", shop.run().await?),
            // The parser asks for `--url` before.
            (None, None) => anyhow::bail!("`--url` is missing"),
        },
        Command::AuditTrigger(trigger) => show(&trigger.sql()?)?,
        Command::Openapi => show(&http::openapi()?)?,
        Command::Client(command) => return Ok(command.execute(Arguments::command()).await),
    }

    Ok(ExitCode::SUCCESS)
}

/// Prints a text. A reader that closes the pipe early, such as `head`, is no error.
fn show(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(fault) if fault.kind() != std::io::ErrorKind::BrokenPipe => Err(fault.into()),
        _ => Ok(()),
    }
}

/// Says for every pipeline, every webhook and the lineage server whether it is usable. Fails if one is broken, or if an
/// address or a file of the settings cannot be used.
fn check(config: &Config) -> anyhow::Result<ExitCode> {
    let pipelines = Pipelines::load(config)?;
    Server::new(&config.state.address()?)?;
    Trino::new(config.trino.clone())?;
    Folder::new(&config.landing)?;
    for (name, connection) in &config.connections {
        Server::new(&connection.address(name)?)?;
    }
    for pipeline in pipelines.usable() {
        let tables: Vec<&str> = pipeline.tables.keys().map(String::as_str).collect();
        println!(
            "pipeline `{}` is right; tables: {}",
            pipeline.name,
            tables.join(", ")
        );
        let models = &pipeline.models;
        if !models.models.is_empty() {
            let names: Vec<&str> = models
                .models
                .iter()
                .map(|model| model.name.as_str())
                .collect();
            println!("  models: {}", names.join(", "));
        }
        for warning in &models.warnings {
            println!("  warning: {}/{warning}", pipeline.name);
        }
    }
    let broken: Vec<_> = pipelines.broken().collect();
    for BrokenPipeline {
        name,
        folder,
        findings,
        ..
    } in &broken
    {
        println!("pipeline `{name}` is broken:");
        for finding in *findings {
            println!("  {}: {folder}/{finding}", finding.severity.as_str());
        }
    }

    let can_tell = check_receivers(config);

    Ok(if broken.is_empty() && can_tell {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Says for every webhook and the lineage server whether its settings can be used; `false` if some cannot.
fn check_receivers(config: &Config) -> bool {
    let webhooks = config.webhooks.iter().map(|(name, webhook)| {
        let checked = webhooks::check(name, webhook);
        (format!("webhook `{name}`"), checked)
    });
    let lineage = config.lineage.is_on().then(|| {
        let checked = config.lineage.receiver().map(drop);
        ("lineage server".to_owned(), checked)
    });
    let mut are_right = true;
    for (receiver, checked) in webhooks.chain(lineage) {
        match checked {
            Ok(()) => println!("{receiver} is right"),
            Err(error) => {
                are_right = false;
                println!("{receiver} is broken:\n  error: {error}");
            }
        }
    }

    are_right
}

/// Writes a pipeline. The exit code is 2 if the options are wrong, as those of the client's commands.
async fn init_pipeline(InitPipeline { init, settings }: &InitPipeline) -> anyhow::Result<ExitCode> {
    match init
        .run(&settings.load()?, settings.config.as_deref())
        .await
    {
        Ok(report) => show(&report)?,
        Err(fault @ (Error::Invalid { .. } | Error::NotFound { .. })) => {
            eprintln!("error: {fault}");
            return Ok(ExitCode::from(2));
        }
        Err(fault) => return Err(fault.into()),
    }

    Ok(ExitCode::SUCCESS)
}

/// Runs unit tests, and says how each ended. Fails if one did.
async fn test_models(test: &TestModels) -> anyhow::Result<ExitCode> {
    let app = App::new(test.settings.load()?)?;
    let definition = app.pipelines.get(&test.pipeline)?;
    if let Some(model) = &test.model {
        definition.model(model)?;
    }
    let results = report::unit_tests(&app, definition, test.model.as_deref()).await?;
    for result in &results {
        let has_passed = result.status == Status::Pass;
        let word = if has_passed { "pass" } else { "FAIL" };
        println!("{word} {}: {}", result.model, result.name);
        if let Some(detail) = &result.detail {
            println!("     {detail}");
        }
        for row in &result.differences {
            println!("     {}", serde_json::to_string(row)?);
        }
    }
    let has_failed = |result: &&UnitTestResult| result.status != Status::Pass;
    let failed = results.iter().filter(has_failed).count();
    println!("{} passed, {failed} failed", results.len() - failed);

    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Prints a key to its owner's eyes, and below it the line that lets it in.
fn make_key(key: &Key) -> anyhow::Result<()> {
    let made = key.run();
    eprintln!(
        "the key, shown once; give it to the caller, who sends it as `Authorization: Bearer …`:"
    );
    show(&format!("{}\n", made.key))?;
    eprintln!("the line for the file `auth.keys_file`, which does not contain the key:");

    show(&format!("{}\n", made.line))
}
