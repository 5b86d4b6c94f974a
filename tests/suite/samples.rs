//! The sample pipelines in `sql/pipelines/`, except the shop's, do what they promise.

use icefront_generate::GenerateShop;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::Service;

/// A sample, with the test's name and without schemas of its own.
pub(super) fn sample(name: &str) -> String {
    let path = format!(
        "{}/sql/pipelines/{name}/pipeline.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_to_string(path)
        .expect("a sample")
        .lines()
        .filter(|line| !line.starts_with("schemas:"))
        .map(|line| line.replace(&format!("pipeline: {name}"), "pipeline: PIPELINE") + "\n")
        .collect()
}

#[tokio::test]
async fn the_customers_of_a_shop_are_followed_by_their_last_change() {
    let service = Service::of(&sample("crm")).start().await;
    let url = service.servers.database(&format!("{}_shop", service.name));
    let generate = GenerateShop {
        rows: Some(1_000),
        extremes: true,
        weights: "0.5/0.3/0.2".parse().expect("shares"),
        ..GenerateShop::quietly(&url)
    };
    generate.clone().run().await.expect("customers");
    let path = format!("/v1/sources/{}/check", service.name);
    let check = service.post(&path, &json!({})).await;
    let findings = check.body["findings"].as_array().expect("findings");
    assert!(
        findings.iter().all(|finding| finding["status"] == "pass"),
        "{findings:#?}"
    );
    service.run().await.succeeds();
    for seed in 2..4 {
        let again = GenerateShop {
            seed,
            ..generate.clone()
        };
        again.run().await.expect("more customers");
        let run = service.run().await.succeeds();
        for change in ["inserted", "updated", "deleted"] {
            let rows = run["counts"][change].as_i64();
            assert!(rows.is_some_and(|rows| rows > 0), "{change}: {run:#}");
        }
        let held = service
            .query(
                "select customer_id, cast(updated_at as varchar) from {marts.customers} order by 1",
            )
            .await;
        let rows = service
            .shop
            .query(
                "select customer_id, to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || ' UTC' from customers order by 1",
                &[],
            )
            .await
            .expect("customers");
        let there: Vec<_> = rows
            .iter()
            .map(|row| vec![json!(row.get::<_, i64>(0)), json!(row.get::<_, String>(1))])
            .collect();
        assert_eq!(held, there, "seed {seed}");
    }
}

#[tokio::test]
async fn shipments_that_a_carrier_drops_are_a_table() {
    let folder = TempDir::new().expect("a folder");
    let path = format!("path: file://{}/", folder.path().display());
    let pipeline = sample("drops").replace("path: file:///data/drops/", &path);
    let service =
        Service::of(&pipeline.replace("  kind: files\n", "  kind: files\n  settle: 0s\n"))
            .start()
            .await;
    let shipments = folder.path().join("shipments");
    std::fs::create_dir(&shipments).expect("a folder");
    let drop = |name: &str, text: &str| std::fs::write(shipments.join(name), text).expect("a file");
    drop(
        "1.csv",
        "seq,op,changed_at,shipment_id,weight_kg\n1,c,2026-01-01T10:00:00Z,7,1.250\n4,d,2026-01-01T13:00:00Z,7,\n",
    );
    drop(
        "2.jsonl",
        "{\"seq\": 3, \"op\": \"u\", \"changed_at\": \"2026-01-01T12:00:00Z\", \"shipment_id\": 8, \"weight_kg\": 2.5}\n",
    );
    service.run().await.succeeds();
    drop(
        "3.csv",
        "seq,op,changed_at,shipment_id,weight_kg\n2,c,2026-01-01T11:00:00Z,8,2.000\n",
    );
    service.run().await.succeeds();
    assert_eq!(
        service
            .current("shipments", "shipment_id, cast(weight_kg as varchar)")
            .await,
        json!([[8, "2.500"]])
    );
    let sql = "select shipment_id, cast(weight_kg as varchar), is_deleted from {marts.shipments_history} order by 1, valid_from";
    assert_eq!(
        service.rows(sql).await,
        json!([[7, "1.250", true], [8, "2.000", false], [8, "2.500", false]])
    );
}
