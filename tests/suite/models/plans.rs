//! A plan tells the statements that the refreshes of models would send.

use serde_json::{Value, json};

use super::{Changes, MODELS, id, shop};
use crate::harness::{Answer, Service};

const SHOWN: [&str; 4] = ["priced_orders", "by_day", "by_month", "totals"];

async fn plan(service: &Service) -> Answer {
    let path = format!("/v1/pipelines/{}/plan?sql=true", service.name);

    service.get(&path).await.has_status(200)
}

/// What is planned of a model.
fn of<'a>(plan: &'a Answer, model: &str) -> &'a Value {
    let models = plan.body["models"].as_array().expect("models").iter();
    let mut found = models.filter(|planned| {
        let name = planned["model"].as_str().expect("a name");
        name.ends_with(&format!(".{model}"))
    });

    found.next().expect("the model")
}

fn statements<'a>(plan: &'a Answer, model: &str) -> &'a Vec<Value> {
    let statements = &of(plan, model)["statements"];

    statements.as_array().expect("statements")
}

/// The tables that the statements for a model write, without the schema.
fn written(plan: &Answer, model: &str) -> Vec<Option<String>> {
    let table = |statement: &Value| {
        let table = statement["trino_table"].as_str()?;
        table.rsplit('.').next().map(str::to_owned)
    };

    statements(plan, model).iter().map(table).collect()
}

/// The texts that a run sent for a model.
async fn sent(service: &Service, run: &str, model: &str) -> Vec<Value> {
    let path = format!("/v1/runs/{run}/steps/model.{model}/sql");
    let sent = service.get(&path).await.has_status(200);
    let sent = sent.body["data"].as_array().expect("statements").iter();

    sent.map(|sent| sent["sql"].clone()).collect()
}

#[tokio::test]
async fn a_plan_tells_the_statements_that_the_refreshes_then_send() {
    let models: Vec<_> = MODELS
        .into_iter()
        .filter(|(file, _)| SHOWN.iter().any(|shown| *file == format!("{shown}.sql")))
        .collect();
    let service = shop(&models).await;
    let first = plan(&service).await;
    for model in SHOWN {
        assert!(of(&first, model)["refusal_detail"].is_string(), "{first:?}");
        assert_eq!(of(&first, model)["statements"], json!([]));
    }
    let mut changes = Changes::new(1);
    service.log(&changes.batch(50)).await;
    service.run().await.succeeds();
    let nothing = plan(&service).await;
    for model in SHOWN {
        assert_eq!(of(&nothing, model)["statements"], json!([]), "{nothing:?}");
    }

    service.log(&changes.batch(50)).await;
    let waiting = plan(&service).await;
    for statement in statements(&waiting, "by_day") {
        let detail = statement["detail"].as_str().expect("a text");
        assert!(
            detail.contains("may change `lake.") && detail.contains(".orders`"),
            "{detail}"
        );
    }
    service
        .run_with(&json!({"steps": ["extract", "staging", "marts"]}))
        .await
        .succeeds();
    let planned = plan(&service).await;
    let text = |name: &str| Some(name.to_owned());
    let table_of = |statement: &Value| statement["trino_table"].clone();
    assert_eq!(
        written(&planned, "by_day"),
        [None, text("by_day_changes"), text("by_day")]
    );
    assert_eq!(written(&planned, "by_month").len(), 3);
    assert_eq!(
        written(&planned, "totals"),
        [text("totals__build"), text("totals")]
    );
    assert!(written(&planned, "priced_orders").is_empty());
    let after_by_day = &statements(&planned, "by_month")[0]["detail"];
    assert!(
        after_by_day.to_string().contains(".by_day` before it"),
        "{after_by_day}"
    );

    let run = service
        .run_with(&json!({"steps": ["models"]}))
        .await
        .succeeds();
    for model in ["by_day", "totals"] {
        let sent = sent(&service, id(&run), model).await;
        for statement in statements(&planned, model) {
            assert_eq!(statement["step"], format!("model.{model}"));
            if statement["detail"].is_null() && !table_of(statement).is_null() {
                assert!(sent.contains(&statement["sql"]), "{statement:#} {sent:#?}");
            }
        }
    }
    let merge = &statements(&planned, "by_day")[2]["sql"];
    let first_line = |sql: &Value| {
        sql.as_str()
            .and_then(|sql| sql.lines().nth(1).map(str::to_owned))
    };
    let sent = sent(&service, id(&run), "by_day").await;
    assert!(
        sent.iter()
            .any(|sent| first_line(sent) == first_line(merge)),
        "{merge} {sent:#?}"
    );
}

#[tokio::test]
async fn a_plan_tells_the_statements_of_a_changed_model() {
    let mut service = shop(&MODELS[..2]).await;
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();
    service.write_model(
        "priced_orders.sql",
        "select id, day, amount from {{ ref('orders') }}",
    );
    service.restart().await;
    let planned = plan(&service).await;
    for (model, rebuild) in [("priced_orders", 1), ("by_day", 2)] {
        assert_eq!(of(&planned, model)["rebuild_detail"], "its SQL changed");
        assert_eq!(statements(&planned, model).len(), rebuild, "{planned:?}");
    }

    let run = service.run().await.succeeds();

    for model in ["priced_orders", "by_day"] {
        let sent = sent(&service, id(&run), model).await;
        for statement in statements(&planned, model) {
            assert!(sent.contains(&statement["sql"]), "{statement:#} {sent:#?}");
        }
    }
}
