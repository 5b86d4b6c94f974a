//! An example of each error, so that the OpenAPI document shows what callers see of it.

use uuid::Uuid;

use super::{Cause, Error, RejectReason, TrinoFailure};

const RUN: Uuid = Uuid::from_u128(0x019a_6d3e_7f10_7c4c_9f5a_2b1c_3d4e_5f60);

/// One error of each problem type.
#[must_use]
pub fn examples() -> Vec<Error> {
    let groups = [
        of_requests(),
        of_runs(),
        of_service(),
        of_servers(),
        of_data(),
    ];

    groups.into_iter().flatten().collect()
}

/// What is wrong with a request.
fn of_requests() -> Vec<Error> {
    vec![
        Error::not_found("pipeline", "shpo", ["shop"]),
        Error::not_found("table", "order", ["orders"]).at_field("select[0]".into()),
        Error::Malformed("the body is no JSON: expected `,` or `}` at line 1 column 12".into()),
        Error::Invalid {
            field: "limit".into(),
            detail: "`limit` is 0; it must be between 1 and 1000".into(),
        },
        Error::Unauthenticated {
            detail: "the call has no credentials; send a key as `Authorization: Bearer …`".into(),
        },
        Error::Forbidden {
            role: "operator",
            pipeline: Some("shop".into()),
        },
        Error::CrossOrigin,
        Error::UnknownHost {
            host: "icefront.example".into(),
        },
        Error::TooManyCalls {
            detail: "there were too many reads of data with this key",
            retry_after: 1,
        },
        Error::Overloaded,
        Error::IssuerUnavailable {
            issuer: "corp".into(),
            cause: Cause::from("no answer in time"),
        },
        Error::BodyTooLarge,
        Error::UnsupportedMediaType("text/plain".into()),
        Error::MethodNotAllowed {
            method: "DELETE".into(),
        },
        Error::PipelineBroken {
            pipeline: "shop".into(),
            detail: "pipeline.yaml:5: `tables` is empty; name a table".into(),
        },
        Error::StillDeclared {
            kind: "table",
            name: "shop.orders".into(),
        },
        Error::ConsumerMoved {
            consumer: "search_index".into(),
        },
        Error::ChangesGone {
            kind: "table",
            name: "shop.orders".into(),
            why: "it was restaged".into(),
        },
    ]
}

/// What callers of runs meet.
fn of_runs() -> Vec<Error> {
    vec![
        Error::OutcomePending { run: RUN },
        Error::RunUnknown { run: RUN },
        Error::KeyReused {
            key: "shop-2026-01-01".into(),
            run: RUN,
        },
        Error::RunActive {
            pipeline: "shop".into(),
            run: RUN,
        },
        Error::QueueFull {
            pipeline: "shop".into(),
            waiting: 100,
        },
        Error::ModelSuspended {
            model: "shop.daily_revenue".into(),
        },
        Error::Cancelled {
            detail: "no statement was under way".into(),
        },
        Error::GivenUp { attempts: 3 },
        Error::Interrupted,
    ]
}

/// What is wrong with the service itself.
fn of_service() -> Vec<Error> {
    vec![
        Error::Settings("`state.url` is not set; set it, or set `state.url_file`".into()),
        Error::StateUnavailable(unlogged()),
        Error::SchemaUnfit("the schema of the state database has version 17, and this icefront needs version 18; run `icefront migrate` with the role that owns the schema, or wait while a service does".into()),
        Error::Stopping,
        Error::Unbalanced {
            detail: "table `shop.orders`: 300 events were read, but 299 are accounted for".into(),
        },
        Error::TimedOut("the answer took too long; ask for less, or retry later".into()),
        Error::Internal(unlogged()),
    ]
}

/// What the servers say that the service depends on.
fn of_servers() -> Vec<Error> {
    vec![
        Error::SourceUnavailable {
            connection: "shop".into(),
            cause: unlogged(),
        },
        Error::SourceConflict {
            connection: "shop".into(),
            cause: unlogged(),
        },
        Error::FilesUnavailable {
            path: "s3://drops/orders".into(),
            cause: unlogged(),
        },
        Error::SourceUnreadable {
            detail: "connection `shop` has no table `public.orders`; correct `from` of `orders`".into(),
        },
        Error::SourceReplaced {
            detail: "connection `shop` leads to another server than before; correct the connection, or reset the tables".into(),
        },
        Error::TrinoUnavailable(unlogged()),
        Error::Trino(Box::new(TrinoFailure {
            name: "TABLE_NOT_FOUND".into(),
            class: "USER_ERROR".into(),
            message: "Table 'lake.marts.orders' does not exist".into(),
            query_id: "20260101_120000_00042_abcde".into(),
            line: Some(3),
        })),
        Error::AddFilesDisabled {
            catalog: "lake".into(),
        },
        Error::LandingUnavailable {
            detail: "it does not exist; make it, or correct the setting".into(),
            cause: unlogged(),
        },
    ]
}

/// What is wrong with the data, or with what is declared about it.
fn of_data() -> Vec<Error> {
    vec![
        Error::TooManyRejects {
            table: "shop.orders".into(),
            read: 1_000,
            rejected: 40,
            allowed: 10,
            rejects: "lake.staging.shop_rejects".into(),
            reasons: vec![RejectReason {
                reason: "bad_value".into(),
                count: 40,
                remedy: "a value does not fit its column; correct it in the source, or the column's `data_type`".into(),
            }],
        },
        Error::ContractBroken {
            table: "shop.orders".into(),
            detail: "column `note` is gone from the source; remove it from `columns`, or restore it".into(),
        },
        Error::ModelBroken {
            model: "shop.daily_revenue".into(),
            detail: "line 3: Column 'revenu' cannot be resolved".into(),
        },
        Error::TestFailed {
            kind: "table",
            table: "shop.orders".into(),
            kept: "current rows and history",
            detail: "`not_null_status`: 1 of 285 rows fail, 0 may".into(),
        },
        Error::TestBroken {
            table: "shop.orders".into(),
            test: "expression_2".into(),
            detail: "line 1:1: Column 'order_summ' cannot be resolved".into(),
        },
        Error::VerifyFailed {
            kind: "table",
            table: "shop.orders".into(),
            origin: "typed log",
            remedy: "`POST /v1/tables/shop.orders/rebuild` makes it again".into(),
            detail: "rows missing 1, unexpected 0".into(),
        },
        Error::KeyTooLarge {
            table: "shop.orders".into(),
            key: "42".into(),
            events: 500_000_000,
            cause: unlogged(),
        },
    ]
}

/// A cause, which callers never see.
fn unlogged() -> Cause {
    "an example".into()
}
