//! The table at the end: the faults that the test made, and their results.

use crate::world::World;

/// Prints it.
pub(crate) async fn print(world: &World, rounds: u64) {
    let state = world.connect("chaos_state").await;
    let shop = world.connect("chaos_shop").await;
    let book = world.book.borrow().faults.clone();
    println!(
        "\nseed {}, {rounds} rounds, {:.0} s",
        world.seed,
        world.seconds()
    );
    for (fault, count) in book {
        row(fault, i64::try_from(count).unwrap_or(i64::MAX));
    }
    for (what, sql) in [
        (
            "runs",
            "select state, count(*) from icefront.runs group by 1 order by 1",
        ),
        (
            "attempts of runs",
            "select attempt::text, count(*) from icefront.runs group by 1 order by 1",
        ),
        (
            "failed by",
            "select replace(error ->> 'type', 'urn:icefront:problem:', '') || coalesce(' ' || (error ->> 'trino_error_name'), ''), count(*) from icefront.runs where state = 'failed' group by 1 order by 2 desc",
        ),
        (
            "statements",
            "select state, count(*) from icefront.statements group by 1 order by 1",
        ),
    ] {
        for found in state.query(sql, &[]).await.expect("counts") {
            let name: Option<String> = found.get(0);
            row(
                &format!("{what}: {}", name.unwrap_or_default()),
                found.get(1),
            );
        }
    }
    let logged = "select count(*) from audit_log_dml";
    let logged = shop.query_one(logged, &[]).await.expect("a count");
    row("events logged", logged.get(0));
    let book = world.book.borrow();
    row("replays", i64::try_from(book.replays).unwrap_or(i64::MAX));
    row("keys", i64::try_from(book.keys.len()).unwrap_or(i64::MAX));
    for (answer, count) in &book.answers {
        row(answer, i64::try_from(*count).unwrap_or(i64::MAX));
    }
}

fn row(name: &str, count: i64) {
    println!("  {name:<50} {count:>8}");
}
