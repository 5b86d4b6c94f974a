//! Queries on Trino.

use serde_json::Value;

pub(crate) type Rows = Vec<Vec<Value>>;

/// All rows of a query, or Trino's message.
pub(crate) async fn query(sql: &str) -> Result<Rows, String> {
    let url = std::env::var("ICEFRONT_TEST_TRINO_URL")
        .expect("a running Trino: `tests/stack/up --tests` and `. target/stack/env`");
    let client = reqwest::Client::new();
    let request = client
        .post(format!("{url}/v1/statement"))
        .header("X-Trino-User", "icefront")
        .header("X-Trino-Time-Zone", "UTC");
    let mut answer: Value = request
        .body(sql.to_owned())
        .send()
        .await
        .expect("Trino answers")
        .json()
        .await
        .expect("JSON");
    let mut rows = Rows::new();
    loop {
        if let Some(message) = answer["error"]["message"].as_str() {
            return Err(message.to_owned());
        }
        for row in answer["data"].as_array().into_iter().flatten() {
            rows.push(row.as_array().expect("a row").clone());
        }
        let Some(next) = answer["nextUri"].as_str() else {
            return Ok(rows);
        };
        answer = client
            .get(next)
            .header("X-Trino-User", "icefront")
            .send()
            .await
            .expect("Trino answers")
            .json()
            .await
            .expect("JSON");
    }
}
