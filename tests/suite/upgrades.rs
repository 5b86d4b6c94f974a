//! Start and upgrade: who may change the schema, and which program may work on it.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{OwnPostgres, Service, insert};

/// What docs/reference/rights.md tells the owner to grant to the service.
const GRANTS: &str = "
grant usage on schema icefront to service;
grant select, insert, update, delete on all tables in schema icefront to service;
grant usage on all sequences in schema icefront to service;
alter default privileges in schema icefront grant select, insert, update, delete on tables to service;
alter default privileges in schema icefront grant usage on sequences to service;
";

/// How a command of the program ended.
struct Ended {
    has_succeeded: bool,
    said: String,
}

impl Service {
    /// Runs a command of the program over the settings of this service, with more environment variables.
    fn program(&self, command: &str, environment: &[(&str, &str)]) -> Ended {
        let output = Command::new("timeout")
            .args(["60", env!("CARGO_BIN_EXE_icefront"), command, "--config"])
            .arg(self.folder.path().join("icefront.toml"))
            .env("ICEFRONT__HTTP__BIND", "127.0.0.1:0")
            .env("ICEFRONT__HTTP__METRICS_BIND", "127.0.0.1:0")
            .envs(environment.iter().copied())
            .output()
            .expect("the program starts");

        Ended {
            has_succeeded: output.status.success(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Neither `serve` nor `migrate` works on the state database; both say why.
    fn is_refused(&self, why: &str) {
        for command in ["serve", "migrate"] {
            let begun = Instant::now();
            let Ended {
                has_succeeded,
                said,
            } = self.program(command, &[]);
            assert!(!has_succeeded, "{command}: {said}");
            assert!(begun.elapsed() < Duration::from_secs(30), "{command}");
            assert!(said.contains(why), "{command}: {said}");
        }
    }
}

#[tokio::test]
async fn a_schema_of_another_program_is_refused_at_the_start_and_kept_by_who_runs() {
    let service = Service::items().start().await;
    service.ready().await;
    let state = service.connect_to_state().await;
    let upgrade =
        "insert into icefront.refinery_schema_history (version, name, applied_on, checksum)
        values (999, 'later', '2030-01-01T00:00:00Z', '1')";
    state.batch_execute(upgrade).await.expect("upgraded");

    tokio::time::sleep(Duration::from_secs(2)).await;
    service.get("/readyz").await.has_status(200);
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    service.is_refused("a newer icefront upgraded the state database to version 999");
    service.is_refused("restore a backup");

    let change = "delete from icefront.refinery_schema_history where version = 999;
        update icefront.refinery_schema_history set checksum = '1' where version = 3";
    state.batch_execute(change).await.expect("changed");
    service.is_refused("migration 3 of the state database is not the one that this icefront has");
}

#[tokio::test]
async fn a_newer_schema_that_leaves_what_this_program_needs_is_worked_on() {
    let mut service = Service::items().start().await;
    service.ready().await;
    let state = service.connect_to_state().await;
    let upgrade = "
        insert into icefront.expansions (version, oldest_service_schema)
        select 999, max(version) from icefront.refinery_schema_history;
        insert into icefront.refinery_schema_history (version, name, applied_on, checksum)
        values (999, 'later', '2030-01-01T00:00:00Z', '1')";
    state.batch_execute(upgrade).await.expect("upgraded");

    service.restart_as_process(&[]).await;
    service.ready().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    let migrated = service.program("migrate", &[]);
    assert!(migrated.has_succeeded, "{}", migrated.said);

    let contract = "update icefront.expansions set oldest_service_schema = 998 where version = 999";
    state.batch_execute(contract).await.expect("changed");
    service.is_refused("a newer icefront upgraded the state database to version 999");
}

#[tokio::test]
async fn a_service_without_the_right_to_create_waits_for_the_owner_and_then_works() {
    let own = OwnPostgres::start();
    let admin = own.connect("postgres").await;
    let roles = "create role owner login; create role service login; grant create on database postgres to owner";
    admin.batch_execute(roles).await.expect("roles");
    let settings = format!(
        "state.url = '{}'\nstate.migrate = false",
        own.url("service", "postgres")
    );
    let mut service = Service::items().settings(&settings).start().await;
    service.restart_as_process(&[]).await;

    let unready = unready(&service, "schema-unfit").await;
    assert!(unready.contains("run `icefront migrate`"), "{unready}");
    let owner = own.url("owner", "postgres");
    let migrated = service.program("migrate", &[("ICEFRONT__STATE__URL", &owner)]);
    assert!(migrated.has_succeeded, "{}", migrated.said);
    let (client, connection) = tokio_postgres::connect(&owner, tokio_postgres::NoTls)
        .await
        .expect("the owner connects");
    tokio::spawn(connection);
    client.batch_execute(GRANTS).await.expect("granted");

    service.ready().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds().counts("inserted", 1);
    let log = service.program_log();
    assert!(log.contains("run `icefront migrate`"), "{log}");
    let refused = service.program("migrate", &[]);
    assert!(refused.has_succeeded, "nothing is to do: {}", refused.said);
    client
        .batch_execute("revoke usage on schema icefront from service")
        .await
        .expect("revoked");
    let unready = self::unready(&service, "schema-unfit").await;
    assert!(unready.contains("has not the rights"), "{unready}");
}

/// Waits until the service is not ready for a reason, and gives the detail.
async fn unready(service: &Service, problem: &str) -> String {
    for _ in 0..200 {
        let ready = service.get("/readyz").await;
        if ready.status != 200 && ready.problem() == problem {
            return ready.detail().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the service is not `{problem}`; {}", service.program_log());
}
