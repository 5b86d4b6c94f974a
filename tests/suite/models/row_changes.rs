//! Row changes of models: copies that follow refreshes have the rows of the model.

use serde_json::json;

use super::{Changes, MODELS, shop};
use crate::suite::row_changes::Reader;

/// Models with the columns of their key first, and how many these are.
const FOLLOWED: [(&str, &[&str], usize); 3] = [
    ("by_day", &["day", "orders", "revenue"], 1),
    ("by_region", &["region", "day", "orders", "highest"], 2),
    ("last_orders", &["customer_id", "id", "amount"], 1),
];

#[tokio::test]
async fn at_night_copies_of_models_equal_them_even_if_a_key_is_null_and_after_a_full_refresh() {
    let service = shop(&MODELS).await;
    let mut changes = Changes::new(11);
    let mut readers = Vec::new();
    for (model, columns, key) in FOLLOWED {
        for query in ["limit=1000", "net=true&limit=5", "limit=1"] {
            let path = format!("/v1/models/{}.{model}", service.name);
            readers.push((model, columns, Reader::new(&path, query, columns, key)));
        }
    }
    for round in 0..4 {
        service.log(&changes.batch(40)).await;
        service
            .run_with(&json!({"full_refresh": round == 2}))
            .await
            .succeeds();
        for (model, columns, reader) in &mut readers {
            if round == 0 || round == 3 {
                reader.follow(&service).await;
                let sql = format!("select {} from {{marts.{model}}}", columns.join(", "));
                reader.has(
                    &service.query(&sql).await,
                    &format!("{model}, round {round}"),
                );
            } else {
                reader.page(&service).await;
            }
        }
    }
    let page = service
        .get(&format!(
            "/v1/models/{}.by_day/changes/rows?limit=1",
            service.name
        ))
        .await
        .body;
    assert!(page["data"][0]["_refresh_id"].is_string(), "{page:#}");
    let totals = format!("/v1/models/{}.totals/changes/rows", service.name);
    service
        .get(&totals)
        .await
        .is_problem(404, "not-found")
        .saying("unique_key");
}
