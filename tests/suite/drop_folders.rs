//! Folders of many names: each poll lists a part of them, and every file lands, whatever its name.

use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::Drops;

/// More names than a poll lists.
const MANY: usize = 60_000;
/// The most names that a poll lists of a round.
const MOST_NAMES: usize = 50_000;
const IN_TIME: Duration = Duration::from_mins(2);

impl Drops {
    /// Drops files that count as landed. Their names begin with `orders_b`.
    async fn put_landed(&self, number: usize) {
        let mut paths = Vec::new();
        let mut etags = Vec::new();
        let mut sizes = Vec::new();
        for file in 0..number {
            let path = self.folder().join(format!("orders_b{file:06}.csv"));
            std::fs::write(&path, "id\n").expect("written");
            let meta = std::fs::metadata(&path).expect("a file");
            let micros = meta.mtime() * 1_000_000 + meta.mtime_nsec() / 1_000;
            let (inode, size) = (meta.ino(), meta.size());
            let path = path.to_str().expect("text");
            paths.push(path.trim_start_matches('/').to_owned());
            etags.push(format!("\"{inode:x}-{micros:x}-{size:x}\""));
            sizes.push(i64::try_from(size).expect("small"));
        }
        let state = self.service.connect_to_state().await;
        let note = "
            insert into icefront.files (pipeline, path, etag, size, table_name, batch, state, rows, modified_at, read_by)
            select $1, path, etag, size, 'orders', 1, 'landed', 0, now(), ''
            from unnest($2::text[], $3::text[], $4::bigint[]) as file (path, etag, size)";
        state
            .execute(note, &[&self.service.name, &paths, &etags, &sizes])
            .await
            .expect("noted");
        let analyze = "analyze icefront.files";
        state.batch_execute(analyze).await.expect("analyzed");
    }

    /// Lets the pipeline poll from here on. What ran is killed.
    async fn poll(&mut self) {
        let pipeline = format!("{}poll: 1s\n", self.definition(""));
        self.service.define(&pipeline);
        self.service.restart().await;
    }

    /// The last name that the round has listed; `None` between two rounds.
    async fn listed_up_to(&self) -> Option<String> {
        let state = self.service.connect_to_state().await;
        let asked = "select position #>> '{round,after}' from icefront.cursors where pipeline = $1";
        let found = state.query_one(asked, &[&self.service.name]).await;
        let after: Option<String> = found.expect("a cursor").get(0);

        after?.rsplit('/').next().map(ToOwned::to_owned)
    }

    async fn is_landed(&self, name: &str) -> bool {
        let state = self.service.connect_to_state().await;
        let asked = "
            select count(*) from icefront.files as file
            join icefront.batches as batch on batch.pipeline = file.pipeline and batch.id = file.batch
            where file.pipeline = $1 and file.path like '%/' || $2 and file.state = 'landed' and batch.state = 'landed'";
        let found = state
            .query_one(asked, &[&self.service.name, &name])
            .await
            .expect("an answer");

        found.get::<_, i64>(0) > 0
    }

    /// Waits until files have landed.
    async fn have_landed(&self, names: &[&str]) {
        let begun = Instant::now();
        for name in names {
            while !self.is_landed(name).await {
                assert!(begun.elapsed() < IN_TIME, "{name} has not landed");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }

    /// The ids of the rows, when no run is active.
    async fn ids(&self) -> Value {
        let begun = Instant::now();
        loop {
            let ids = self.service.current("orders", "id").await;
            let runs = self
                .service
                .get(&format!("/v1/runs?pipeline={}", self.service.name))
                .await;
            let runs = runs.body["data"].as_array().expect("runs").clone();
            if runs.iter().all(|run| run["terminal"] == true) {
                return ids;
            }
            assert!(begun.elapsed() < IN_TIME, "{runs:#?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

#[tokio::test]
async fn at_night_polls_of_a_large_folder_list_it_by_turns_and_lose_no_file_to_kills() {
    let mut drops = Drops::start("").await;
    drops.put("orders_m.csv", "id,amount,note\n1,1,a\n").await;
    drops.run().await.succeeds().counts("inserted", 1);
    drops.put_landed(MANY).await;
    let now = drops.service.source().await.body["now"].clone();
    assert_eq!(now["backlog"], Value::Null, "{now:#}");
    assert!(
        now["backlog_detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("more names than")),
        "{now:#}"
    );

    drops.poll().await;
    let begun = Instant::now();
    let listed = loop {
        if let Some(listed) = drops.listed_up_to().await {
            break listed;
        }
        assert!(begun.elapsed() < IN_TIME, "no poll lists a part");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(listed, format!("orders_b{:06}.csv", MOST_NAMES - 1));

    drops.put("orders_a.csv", "id,amount,note\n2,2,b\n").await;
    drops.put("orders_z.csv", "id,amount,note\n3,3,c\n").await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        drops.service.restart().await;
    }
    drops.have_landed(&["orders_a.csv", "orders_z.csv"]).await;
    let begun = Instant::now();
    loop {
        let ids = drops.ids().await;
        if ids == json!([[1], [2], [3]]) {
            break;
        }
        assert!(begun.elapsed() < IN_TIME, "{ids}");
    }
    drops.run().await.succeeds().counts("files_landed", 0);
}

#[tokio::test]
async fn a_new_last_name_lands_before_its_turn_and_a_new_first_name_in_the_next_round() {
    let mut drops = Drops::start("").await;
    drops.put("orders_m.csv", "id,amount,note\n1,1,a\n").await;
    drops.run().await.succeeds();
    drops.service.end().await;
    let root = drops.folder().to_str().expect("text").to_owned();
    let round = json!({"round": {
        "began_at": "2026-07-01T00:00:00.000000Z",
        "after": format!("{}/orders_y.csv", root.trim_start_matches('/')),
    }});
    let state = drops.service.connect_to_state().await;
    let set =
        "update icefront.cursors set position = position || $1 where pipeline = $2 returning 1";
    let set = state.query_one(set, &[&round, &drops.service.name]).await;
    set.expect("a cursor");
    drops.put("orders_a.csv", "id,amount,note\n2,2,b\n").await;
    drops.put("orders_n.csv", "id,amount,note\n3,3,c\n").await;

    drops.poll().await;
    drops.have_landed(&["orders_n.csv", "orders_a.csv"]).await;

    let order =
        "select substring(path from '[^/]*$') from icefront.files where pipeline = $1 order by id";
    let order = state.query(order, &[&drops.service.name]).await;
    let order: Vec<String> = order.expect("files").iter().map(|row| row.get(0)).collect();
    assert_eq!(order, ["orders_m.csv", "orders_n.csv", "orders_a.csv"]);
}

#[tokio::test]
async fn an_unreadable_file_that_is_gone_is_forgotten_by_the_next_run() {
    for drops in Drops::on_both("").await {
        drops.put("orders_a.csv", "no key\n1\n").await;
        drops.put("orders_b.csv", "no key\n1\n").await;
        drops.put("orders_c.csv", "id,amount,note\n1,1,a\n").await;
        drops.run().await.succeeds().counts("files_unreadable", 2);
        drops.remove("orders_a.csv").await;
        drops.run().await.succeeds();

        let names: Vec<String> = drops
            .ledger()
            .await
            .into_iter()
            .map(|file| file.0)
            .collect();
        assert_eq!(names, ["orders_b.csv", "orders_c.csv"]);
    }
}

#[tokio::test]
async fn a_marker_counts_for_its_own_folder() {
    for mut drops in Drops::on_both("").await {
        let pipeline = drops.definition(", marker: _SUCCESS");
        drops
            .service
            .define(&pipeline.replace("'orders*'", "'**/orders*'"));
        drops.service.restart().await;
        drops.put("a/orders.csv", "id,amount,note\n1,1,a\n").await;
        drops.put("b/orders.csv", "id,amount,note\n2,2,b\n").await;
        drops.put("b/_SUCCESS", "").await;

        drops.run().await.succeeds().counts("inserted", 1);
        drops.put("a/_SUCCESS", "").await;
        drops.run().await.succeeds().counts("inserted", 1);
        assert_eq!(drops.ids().await, json!([[1], [2]]));
    }
}
