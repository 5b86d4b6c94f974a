//! Writers of the source: they insert, update and delete, roll back, prepare, and leave transactions open for a while.

use futures::future::join_all;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio_postgres::Client;

use crate::world::{World, pause};

const WRITERS: u64 = 3;
const KEYS: i64 = 60;

/// Writes until the world rests; then nothing is left open.
pub(crate) async fn write(world: &World, part: u64) {
    let writers = (0..WRITERS).map(|writer| async move {
        let mut random = world.random("writer", part * WRITERS + writer);
        while !world.rests.get() {
            let client = world.connect("chaos_shop").await;
            end_prepared(&client, writer).await;
            work(world, &client, (writer, &mut random)).await;
        }
        while !end_prepared(&world.connect("chaos_shop").await, writer).await {}
    });
    join_all(writers).await;
}

/// Commits transactions until the connection breaks or the world rests.
async fn work(world: &World, client: &Client, (writer, random): (u64, &mut StdRng)) {
    if client
        .batch_execute("set lock_timeout = '2s'")
        .await
        .is_err()
    {
        return;
    }
    while !world.rests.get() && !client.is_closed() {
        let mut sql = String::from("begin;");
        for _ in 0..random.random_range(1..=4) {
            sql += &statement(random);
        }
        let end = match random.random_range(0..10) {
            0 => "rollback".to_owned(),
            1 => {
                let name = format!("p{writer}_{}", world.number());
                format!("prepare transaction '{name}'; commit prepared '{name}'")
            }
            _ => "commit".to_owned(),
        };
        let open = if random.random_range(0..12) == 0 {
            2_500
        } else {
            60
        };
        let open = random.random_range(0..open);
        let mut is_done = client.batch_execute(&sql).await.is_ok();
        pause(open).await;
        for sql in end.split("; ") {
            is_done = is_done && client.batch_execute(sql).await.is_ok();
        }
        // Of another writer's row, or because the server is away.
        if !is_done && client.batch_execute("rollback").await.is_err() {
            return;
        }
        pause(random.random_range(40..250)).await;
    }
}

/// Ends a transaction that a writer prepared before its connection broke. Returns whether it could.
async fn end_prepared(client: &Client, writer: u64) -> bool {
    let sql = format!("select gid from pg_prepared_xacts where gid like 'p{writer}\\_%'");
    let Ok(rows) = client.query(&sql, &[]).await else {
        return false;
    };
    for row in rows {
        let name: String = row.get(0);
        let commit = format!("commit prepared '{name}'");
        if client.batch_execute(&commit).await.is_err() {
            return false;
        }
    }

    true
}

fn statement(random: &mut StdRng) -> String {
    let id = random.random_range(0..KEYS);
    let item = random.random_range(0..KEYS);
    let value = random.random_range(0..1_000);
    let upsert_item = format!(
        "insert into items (id, name) values ({id}, 'n{value}') on conflict (id) do update set name = excluded.name, points = items.points + 1;"
    );
    match random.random_range(0..8) {
        0 => format!("delete from items where id = {id};"),
        1 => format!("delete from orders where order_id = {id};"),
        2 => format!("savepoint s; {upsert_item} rollback to savepoint s;"),
        3 => format!("savepoint s; {upsert_item} release s;"),
        4 => format!("update items set points = points + 1 where id between {id} and {id} + 2;"),
        5 => upsert_item,
        _ => format!(
            "insert into orders values ({id}, {item}, {value} / 100.0, nullif('o{value}', 'o0')) on conflict (order_id) do update set item_id = excluded.item_id, amount = excluded.amount, note = excluded.note;"
        ),
    }
}
