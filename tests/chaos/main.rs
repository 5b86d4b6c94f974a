//! Chaos: the tests kill, cut off and freeze servers and services at random moments under load, on own servers. `make chaos` makes
//! a hundred rounds; without `ICEFRONT_TEST_ROUNDS` there are a few. `ICEFRONT_CHAOS_SEED` repeats the decisions of a run, not its moments.

#[expect(
    dead_code,
    unused_imports,
    reason = "the other tests use the rest of it"
)]
#[path = "../harness/mod.rs"]
mod harness;

mod book;
mod callers;
mod faults;
mod frozen;
mod replica;
mod rest;
mod stack;
mod totals;
mod world;
mod writers;

use tokio::sync::Mutex;

use world::World;

/// Rounds without `ICEFRONT_TEST_ROUNDS`: each kind of server ends once.
const FEW: u64 = 4;
const FEW_POINTS: u64 = 2;
/// Number of rounds, or points, before a rest.
const PART: u64 = 25;
const PART_POINTS: usize = 10;
/// The scenarios share servers. One scenario at a time may kill them.
static ALONE: Mutex<()> = Mutex::const_new(());

#[tokio::test]
async fn tables_stay_right_whatever_is_killed_cut_or_frozen() {
    let _alone = ALONE.lock().await;
    let world = World::new(seed(), "any").await;
    let rounds = rounds(FEW);
    for part in 0..rounds.div_ceil(PART) {
        world.run_replicas([2, 3, 1][at(part % 3)]).await;
        world.rests.set(false);
        let faults = async {
            for round in part * PART..rounds.min((part + 1) * PART) {
                faults::round(&world, round + 1).await;
            }
            world.rests.set(true);
        };
        tokio::join!(
            writers::write(&world, part),
            callers::call(&world, part),
            faults
        );
        rest::rest(&world, "any").await;
    }
    totals::print(&world, rounds).await;
}

#[tokio::test]
async fn a_frozen_replica_loses_its_runs_and_records_nothing_when_it_wakes() {
    let _alone = ALONE.lock().await;
    let world = World::new(seed(), "frozen").await;
    let points = frozen::points(&world);
    let asked = rounds(FEW_POINTS);
    // A hundred is all of them.
    let is_whole = asked >= 100;
    let rounds = if is_whole {
        points.len() as u64
    } else {
        asked.min(points.len() as u64)
    };
    let mut numbered = (1..=rounds).zip(points);
    for part in 0..rounds.div_ceil(PART_POINTS as u64) {
        world.run_replicas(2 + at(part % 2)).await;
        world.rests.set(false);
        let frozen = async {
            for (number, point) in numbered.by_ref().take(PART_POINTS) {
                frozen::freeze_at(&world, number, point).await;
            }
            world.rests.set(true);
        };
        tokio::join!(
            writers::write(&world, part),
            callers::call(&world, part),
            frozen
        );
        rest::rest(&world, "frozen").await;
    }
    totals::print(&world, rounds).await;
    if is_whole {
        frozen::reached_all(&world);
    }
}

fn at(part: u64) -> usize {
    usize::try_from(part).expect("small")
}

/// The seed of all random decisions.
fn seed() -> u64 {
    let seed = std::env::var("ICEFRONT_CHAOS_SEED").map_or_else(
        |_| u64::from(rand::random::<u32>()),
        |seed| seed.parse().expect("a number as seed"),
    );
    println!("ICEFRONT_CHAOS_SEED={seed}");

    seed
}

fn rounds(few: u64) -> u64 {
    std::env::var("ICEFRONT_TEST_ROUNDS")
        .map_or(few, |rounds| rounds.parse().expect("a number of rounds"))
}
