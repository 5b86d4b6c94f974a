//! The faults of the chaos test: each comes at a random moment of its round and prints one line.

use std::time::Duration;

use futures::future::join_all;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::harness::{Flow, Moment, Proxy, Then, Trap};
use crate::replica::{Replica, signal};
use crate::stack::Stack;
use crate::world::{LEASE, World, pause};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    KillReplica,
    EndReplica,
    KillTrino,
    /// Only where Trino has workers.
    KillWorker,
    RestartPostgres,
    LoseAnswer,
    CutWire,
    Freeze,
}

/// The faults; one that is listed more often happens more often.
const FAULTS: [Fault; 18] = [
    Fault::EndReplica,
    Fault::EndReplica,
    Fault::KillReplica,
    Fault::KillReplica,
    Fault::KillReplica,
    Fault::KillReplica,
    Fault::KillTrino,
    Fault::RestartPostgres,
    Fault::RestartPostgres,
    Fault::LoseAnswer,
    Fault::LoseAnswer,
    Fault::LoseAnswer,
    Fault::LoseAnswer,
    Fault::LoseAnswer,
    Fault::CutWire,
    Fault::CutWire,
    Fault::Freeze,
    Fault::Freeze,
];
/// The longest wait of a trap.
const TRAP: Duration = Duration::from_secs(8);
/// The longest wait of a round for a run, in tenths of a second.
const SUCCESS: u32 = 60;

/// Makes one to three different faults, and prints them. Usually a run succeeds before the round ends, so that the
/// next faults meet a running run.
pub(crate) async fn round(world: &World, number: u64) {
    let mut random = world.random("round", number);
    let mut chosen = Vec::new();
    // The first rounds see each of the servers end, however few rounds there are.
    match number {
        2 => chosen.push(Fault::RestartPostgres),
        3 => chosen.push(Fault::KillTrino),
        _ if world.stack.has_workers() => chosen.push(Fault::KillWorker),
        _ => {}
    }
    for _ in 0..random.random_range(1..=3) {
        let fault = FAULTS[random.random_range(0..FAULTS.len())];
        // Only one of them may start replicas again.
        let ends = [Fault::KillReplica, Fault::EndReplica];
        let is_ending = ends.contains(&fault) && chosen.iter().any(|fault| ends.contains(fault));
        // Trino is started with its workers.
        let is_server = fault == Fault::KillTrino && chosen.contains(&Fault::KillWorker);
        if !chosen.contains(&fault) && !is_ending && !is_server {
            chosen.push(fault);
        }
    }
    let successes = world.successes.get();
    let made = chosen.iter().zip(0..).map(|(fault, at)| {
        let mut random = world.random("fault", number * 8 + at);
        async move {
            pause(random.random_range(0..2_500)).await;
            let begun = world.seconds();
            let told = make(world, *fault, &mut random).await;
            (begun, told)
        }
    });
    for (begun, told) in join_all(made).await {
        println!("round {number:3}  {begun:7.1}s  {told}");
    }
    for _ in 0..SUCCESS {
        if world.successes.get() > successes {
            return;
        }
        pause(100).await;
    }
}

async fn make(world: &World, fault: Fault, random: &mut StdRng) -> String {
    if fault == Fault::KillTrino {
        return kill_trino(world, random).await;
    }
    if fault == Fault::KillWorker {
        return kill_worker(world, random).await;
    }
    if fault == Fault::RestartPostgres {
        return restart_postgres(world, random).await;
    }
    let Some(replica) = world.any_replica(random) else {
        return format!("{fault:?}: no replica runs");
    };
    match fault {
        Fault::KillReplica => kill(world, replica, random).await,
        Fault::EndReplica => end(world, replica).await,
        Fault::Freeze => freeze(world, replica, random).await,
        Fault::LoseAnswer => lose_answer(world, replica, random).await,
        Fault::CutWire | Fault::KillTrino | Fault::KillWorker | Fault::RestartPostgres => {
            cut_wire(world, replica, random).await
        }
    }
}

async fn kill(world: &World, replica: &Replica, random: &mut StdRng) -> String {
    replica.kill();
    world.book.borrow_mut().made("replicas killed");
    let gone = random.random_range(0..1_500);
    pause(gone).await;
    replica.start(&world.servers).await;

    format!("{} killed, started again after {gone} ms", replica.name)
}

/// Ends a replica as a rolling update does: the replica hands back the runs that do not end in time.
async fn end(world: &World, replica: &Replica) -> String {
    let begun = world.seconds();
    let how = replica.end().await;
    let ended = world.seconds();
    // Another fault may have killed it meanwhile.
    if !["exit status: 0", "did not run", "signal: 9 (SIGKILL)"].contains(&how.as_str()) {
        let told = format!("{} was told to end: {how}", replica.name);
        world.book.borrow_mut().odd(told);
    }
    world.book.borrow_mut().made("replicas ended in order");
    replica.start(&world.servers).await;

    format!(
        "{} ended in {:.1} s, started again",
        replica.name,
        ended - begun
    )
}

async fn kill_trino(world: &World, random: &mut StdRng) -> String {
    let gone = random.random_range(0..1_500);
    let begun = world.seconds();
    on_stack(world, Stack::kill_trino).await;
    world.book.borrow_mut().made("Trino killed");
    pause(gone).await;
    on_stack(world, Stack::start_trino).await;

    format!("Trino killed, back after {:.1} s", world.seconds() - begun)
}

/// Kills one of Trino's workers in the middle of a merge.
async fn kill_worker(world: &World, random: &mut StdRng) -> String {
    let number = random.random_range(1..=2);
    let is_merging = "select exists (select from icefront.statements where state = 'sent' and sql ~ '\\mmerge into\\M')";
    let state = world.connect("chaos_state").await;
    let waited = tokio::time::timeout(TRAP, async {
        while !state
            .query_one(is_merging, &[])
            .await
            .is_ok_and(|row| row.get(0))
        {
            pause(10).await;
        }
    });
    if waited.await.is_err() {
        return format!("worker {number}: no merge came");
    }
    pause(random.random_range(0..300)).await;
    let begun = world.seconds();
    on_stack(world, move |stack| stack.kill_worker(number)).await;
    world.book.borrow_mut().made("workers killed in a merge");
    pause(random.random_range(0..1_500)).await;
    on_stack(world, move |stack| stack.start_worker(number)).await;

    format!(
        "worker {number} killed in a merge, back after {:.1} s",
        world.seconds() - begun
    )
}

async fn restart_postgres(world: &World, random: &mut StdRng) -> String {
    let (signal, how) = [
        ("INT", "Postgres restarted, fast"),
        ("QUIT", "Postgres restarted, immediate"),
    ][random.random_range(0..2)];
    let begun = world.seconds();
    on_stack(world, move |stack| stack.restart_postgres(signal)).await;
    world.book.borrow_mut().made(how);

    format!("{how}, back after {:.1} s", world.seconds() - begun)
}

/// Freezes a replica for longer than its lease.
async fn freeze(world: &World, replica: &Replica, random: &mut StdRng) -> String {
    let Some(pid) = replica.pid() else {
        return format!("{} does not run", replica.name);
    };
    let lease = u64::try_from(LEASE.as_millis()).expect("a small number");
    let frozen = lease + random.random_range(500..2_500);
    signal(pid, "STOP");
    world.book.borrow_mut().made("replicas frozen");
    pause(frozen).await;
    signal(pid, "CONT");

    format!("{} frozen for {frozen} ms", replica.name)
}

/// Loses the answer to one request to Trino or to Postgres, or cuts the connection right after the request.
async fn lose_answer(world: &World, replica: &Replica, random: &mut StdRng) -> String {
    let (wire, request, what) = [
        (&replica.trino, "POST /v1/statement", "a POST to Trino"),
        (&replica.trino, "GET /v1/statement", "a GET to Trino"),
        (&replica.postgres, "", "a statement to Postgres"),
    ][random.random_range(0..3)];
    let (moment, how) = [
        (Moment::Before, "cut before"),
        (Moment::After, "cut right after"),
        (Moment::Answered, "lost the answer to"),
    ][random.random_range(0..3)];
    let pass = random.random_range(0..8);
    let sprung = trap(wire, request, (pass, moment), || Then::Cut).await;
    if !sprung {
        return format!("{}: {what} was waited for in vain", replica.name);
    }
    world.book.borrow_mut().made(how);

    format!("{}: {how} {what} ({pass} before it)", replica.name)
}

/// Lays a trap and waits until it has sprung. Returns whether it has.
pub(crate) async fn trap(
    wire: &Proxy,
    request: &'static str,
    (pass, moment): (usize, Moment),
    then: impl FnOnce() -> Then + Send + 'static,
) -> bool {
    let (tell, has_sprung) = tokio::sync::oneshot::channel();
    let spring = move || {
        let then = then();
        // Nobody waits any more where the round is over.
        let _ = tell.send(());
        then
    };
    wire.arm(Trap {
        request,
        pass,
        later: 0,
        moment,
        spring: Box::new(spring),
    });
    let answer = tokio::time::timeout(TRAP, has_sprung).await;
    wire.disarm();

    matches!(answer, Ok(Ok(())))
}

/// Cuts or holds a replica's wire to Trino or to Postgres for a while.
async fn cut_wire(world: &World, replica: &Replica, random: &mut StdRng) -> String {
    let (wire, to) =
        [(&replica.trino, "Trino"), (&replica.postgres, "Postgres")][random.random_range(0..2)];
    let (flow, how, name) = [
        (Flow::Cut, "cut from", "wires cut"),
        (Flow::Held, "hears nothing of", "wires held"),
    ][random.random_range(0..2)];
    let away = random.random_range(50..3_000);
    wire.set(flow);
    pause(away).await;
    wire.set(Flow::Open);
    world.book.borrow_mut().made(name);

    format!("{} {how} {to} for {away} ms", replica.name)
}

/// Scripts take their time; the world goes on meanwhile.
async fn on_stack(world: &World, act: impl FnOnce(&Stack) + Send + 'static) {
    let stack = std::sync::Arc::clone(&world.stack);
    tokio::task::spawn_blocking(move || act(&stack))
        .await
        .expect("the servers are back");
}
