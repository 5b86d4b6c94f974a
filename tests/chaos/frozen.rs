//! A replica is frozen at a chosen point of its work, for longer than its lease: another takes its runs over, and it records nothing
//! when it wakes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::seq::SliceRandom;
use tokio_postgres::Client;

use crate::harness::{Moment, Then, Trap};
use crate::replica::{Replica, signal};
use crate::world::{LEASE, World, pause};

/// Rows that make a reading slow.
const MANY: &str = "insert into items (id, name) select n, repeat(md5(n::text), 8) from generate_series(1000, 3000) as n on conflict (id) do update set points = items.points + 1";
/// Part of the bytes of that reading.
const SOME: u64 = 200_000;
/// The longest time until a replica reaches a point, in hundredths of a second.
const TO_COME: u32 = 2_000;
const NOBODY: usize = usize::MAX;
const TAKEN_OVER: Duration = Duration::from_mins(5);
/// The time in which a replica that wakes could do harm.
const AWAKE: u64 = 2_500;
const DONE: &str =
    "select state <> 'running' or attempt > $2 from icefront.runs where id = $1::text::uuid";
const OVER: &str =
    "select state not in ('queued', 'running') from icefront.runs where id = $1::text::uuid";
/// Lists the records of an attempt since a moment. The replica that took the run over may still end the attempt's statements until the
/// run is over. The next run of the pipeline may end them too, before it writes to their table.
const RECORDED: &str = "
select 'step ' || name || ' ' || state from icefront.steps
where run_id = $1::text::uuid and attempt = $2 and greatest(started_at, finished_at) > $3::text::timestamptz
union all
select 'statement ' || step || ' ' || state from icefront.statements
where run_id = $1::text::uuid and attempt = $2 and (
  started_at > $3::text::timestamptz
  or ($4 and finished_at > $3::text::timestamptz and not exists (
    select from icefront.runs as next
    where next.pipeline = statements.pipeline and next.id > statements.run_id
      and next.started_at < statements.finished_at and (next.finished_at is null or next.finished_at > statements.finished_at)
  ))
)
";

/// The statements by which a replica writes its state, identified by their begin or end.
const RECORDS: [&str; 14] = [
    "insert into icefront.runs",
    "insert into icefront.idempotency_keys",
    "update icefront.runs",
    "update icefront.leases",
    "insert into icefront.steps",
    "update icefront.steps",
    "insert into icefront.statements",
    "update icefront.statements",
    "insert into icefront.batches",
    "update icefront.batches",
    "into icefront.cursors",
    "insert into icefront.changes",
    "update icefront.tables",
    "COMMIT",
];

/// A point at which a replica is frozen.
#[derive(Clone, Copy)]
pub(crate) enum Point {
    /// At a request to Trino, after this many requests of its kind have passed.
    Trino(&'static str, Moment, usize),
    /// At a statement to the state database: before it is prepared, or when it was executed.
    State(&'static str, Moment, usize),
    /// While it reads the source and writes Parquet files.
    Reading,
}

impl fmt::Display for Point {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Trino(request, moment, pass) | Self::State(request, moment, pass)) = self else {
            return write!(to, "while it reads and writes files");
        };
        let when = if *moment == Moment::Before {
            "before"
        } else {
            "after"
        };

        write!(to, "{when} `{request}` ({pass} went before)")
    }
}

/// Every point, in an order that depends on the seed.
pub(crate) fn points(world: &World) -> Vec<Point> {
    let mut points = vec![Point::Reading; 6];
    for moment in [Moment::Before, Moment::Answered] {
        points.extend((0..12).map(|pass| Point::Trino("POST /v1/statement", moment, pass)));
        points.extend((0..12).map(|pass| Point::Trino("GET /v1/statement", moment, pass * 2)));
        for pass in 0..2 {
            points.extend(RECORDS.map(|record| Point::State(record, moment, pass)));
        }
    }
    points.shuffle(&mut world.random("points", 0));
    // However few there are: inside of a transaction, and with a statement sent that nobody has asked for.
    points.insert(0, Point::State("COMMIT", Moment::Before, 1));
    points.insert(1, Point::Trino("POST /v1/statement", Moment::Answered, 3));

    points
}

impl Point {
    /// The kind of the point, without the number of requests before it.
    fn kind(self) -> String {
        let shown = self.to_string();

        shown.split(" (").next().unwrap_or_default().to_owned()
    }
}

/// Fails if no replica reached some kind of point.
pub(crate) fn reached_all(world: &World) {
    let frozen = world.book.borrow().frozen.clone();
    let mut missed: Vec<String> = points(world).into_iter().map(Point::kind).collect();
    missed.retain(|kind| !frozen.contains(kind));
    missed.sort();
    missed.dedup();
    assert!(missed.is_empty(), "no replica was frozen {missed:#?}");
}

/// A run, and the attempt that the frozen replica may execute.
struct Held {
    run: String,
    attempt: i32,
}

/// Freezes the replica that reaches the point first, until others have its runs. Tells the result.
pub(crate) async fn freeze_at(world: &World, number: u64, point: Point) {
    let state = world.connect("chaos_state").await;
    for _ in 0..TO_COME {
        if !running(&state).await.is_empty() {
            break;
        }
        pause(10).await;
    }
    let begun = world.seconds();
    let Some((replica, pid)) = stopped_at(world, point).await else {
        println!("round {number:3}  {begun:7.1}s  nobody came to it: {point}");
        return;
    };
    world.book.borrow_mut().made(match point {
        Point::Trino(request, ..) if request.starts_with("POST") => "frozen at a POST to Trino",
        Point::Trino(..) => "frozen at a GET to Trino",
        Point::State(..) => "frozen at a statement to its state",
        Point::Reading => "frozen while reading",
    });
    world.book.borrow_mut().frozen.insert(point.kind());
    let frozen = world.seconds();
    let held = running(&state).await;
    pause(u64::try_from(LEASE.as_millis()).expect("small")).await;
    let mut random = world.random("awake", number);
    // It wakes while another is at its run, or when that has ended.
    let is_late = random.random_range(0..2) == 0;
    for run in &held {
        wait_for(world, &state, if is_late { OVER } else { DONE }, run).await;
    }
    pause(random.random_range(300..1_500)).await;
    let now = state.query_one("select clock_timestamp()::text", &[]).await;
    let now: String = now.expect("a time").get(0);
    signal(pid, "CONT");
    let asleep = world.seconds() - frozen;
    pause(AWAKE).await;
    let taken = recorded_nothing(world, &state, (&held, &now, is_late)).await;
    println!(
        "round {number:3}  {begun:7.1}s  {} frozen for {asleep:.1} s {point}; {taken} of {} runs taken over, nothing recorded since",
        replica.name,
        held.len()
    );
}

/// Waits until a replica reaches the point, and stops it there.
async fn stopped_at(world: &World, point: Point) -> Option<(&Replica, u32)> {
    let replicas = world.replicas.iter();
    let running: Vec<_> = replicas
        .filter_map(|replica| Some((replica, replica.pid()?)))
        .collect();
    let first = Arc::new(AtomicUsize::new(NOBODY));
    let stops: Vec<_> = (0..running.len())
        .map(|at| {
            let (pid, first) = (running[at].1, Arc::clone(&first));
            move || {
                let relaxed = Ordering::Relaxed;
                let is_first = first.compare_exchange(NOBODY, at, relaxed, relaxed);
                if is_first.is_ok() {
                    signal(pid, "STOP");
                }
            }
        })
        .collect();
    if matches!(point, Point::Reading) {
        while_reading(world, &running, &stops).await;
    } else {
        for ((replica, _), stop) in running.iter().zip(stops) {
            lay(replica, point, stop);
        }
        for _ in 0..TO_COME {
            if first.load(Ordering::Relaxed) != NOBODY {
                break;
            }
            pause(10).await;
        }
        for (replica, _) in &running {
            replica.trino.disarm();
            replica.postgres.disarm();
        }
    }

    running.get(first.load(Ordering::Relaxed)).copied()
}

fn lay(replica: &Replica, point: Point, stop: impl FnOnce() + Send + 'static) {
    let (wire, request, moment, pass) = match point {
        Point::Trino(request, moment, pass) => (&replica.trino, request, moment, pass),
        Point::State(request, moment, pass) => (&replica.postgres, request, moment, pass),
        Point::Reading => unreachable!("it is no single request"),
    };
    // A statement to Postgres is prepared by one request and executed by the next, but for `COMMIT`.
    let is_prepared = matches!(point, Point::State(text, ..) if text != "COMMIT");
    let later = usize::from(is_prepared && moment == Moment::Answered);
    let spring = move || {
        stop();
        Then::GoOn
    };
    wire.arm(Trap {
        request,
        pass,
        later,
        moment,
        spring: Box::new(spring),
    });
}

/// Stops the first replica that has read some of many rows.
async fn while_reading(world: &World, running: &[(&Replica, u32)], stops: &[impl Fn()]) {
    let before: Vec<_> = running
        .iter()
        .map(|(replica, _)| replica.postgres.passed())
        .collect();
    let shop = world.connect("chaos_shop").await;
    shop.batch_execute(MANY).await.expect("many rows");
    for _ in 0..TO_COME * 5 {
        for (at, (replica, _)) in running.iter().enumerate() {
            if replica.postgres.passed() > before[at] + SOME {
                stops[at]();
                return;
            }
        }
        pause(2).await;
    }
}

/// The runs that are under way.
async fn running(state: &Client) -> Vec<Held> {
    let sql = "select id::text, attempt from icefront.runs where state = 'running'";
    let rows = state.query(sql, &[]).await.expect("runs");

    rows.iter()
        .map(|row| Held {
            run: row.get(0),
            attempt: row.get(1),
        })
        .collect()
}

/// Waits until a run is at its next attempt, or over.
async fn wait_for(world: &World, state: &Client, sql: &str, Held { run, attempt }: &Held) {
    let until = Instant::now() + TAKEN_OVER;
    while Instant::now() < until {
        let row = if sql == OVER {
            state.query_one(sql, &[run]).await
        } else {
            state.query_one(sql, &[run, attempt]).await
        };
        if row.expect("the run").get(0) {
            return;
        }
        pause(100).await;
    }
    let told = format!("run {run}, attempt {attempt}, waits for a frozen replica: {sql}");
    world.book.borrow_mut().odd(told);
}

/// Gives the number of runs that another replica took over. Notes a fault if the frozen replica recorded anything for one of them.
async fn recorded_nothing(
    world: &World,
    state: &Client,
    (held, since, is_late): (&[Held], &str, bool),
) -> usize {
    let mut taken = 0;
    for Held { run, attempt } in held {
        let sql = "select attempt > $2 from icefront.runs where id = $1::text::uuid";
        let row = state.query_one(sql, &[run, attempt]).await;
        if !row.expect("the run").get::<_, bool>(0) {
            continue;
        }
        taken += 1;
        let rows = state
            .query(RECORDED, &[run, attempt, &since, &is_late])
            .await
            .expect("records");
        let records: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        if !records.is_empty() {
            let told = format!("run {run}: attempt {attempt} was over, and recorded {records:?}");
            world.book.borrow_mut().odd(told);
        }
    }

    taken
}
