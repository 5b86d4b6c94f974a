//! The role that each operation needs. An operation that [`ROLES`] does not name needs the highest.

use crate::auth::Role;

/// The role that each operation needs on the pipeline that it is about.
const ROLES: [(Role, &[&str]); 5] = [
    (
        Role::Viewer,
        &[
            "follow_run",
            "get_graph",
            "get_lineage",
            "get_model",
            "get_model_freshness",
            "get_pipeline",
            "get_plan",
            "get_run",
            "get_run_outcome",
            "get_safe_to_purge",
            "get_schema",
            "get_source",
            "get_table",
            "get_table_freshness",
            "get_version",
            "list_changes",
            "list_freshness",
            "list_models",
            "list_pipelines",
            "list_refreshes",
            "list_run_changes",
            "list_run_steps",
            "list_run_tests",
            "list_runs",
            "list_sources",
            "list_tables",
            "validate_definition",
            "validate_models",
        ],
    ),
    (
        Role::Reader,
        &[
            "delete_consumer",
            "get_consumer",
            "get_model_sql",
            "list_consumers",
            "list_files",
            "list_model_row_changes",
            "list_rejects",
            "list_row_changes",
            "list_rows",
            "list_step_sql",
            "list_test_failures",
            "list_versions",
            "set_consumer",
        ],
    ),
    (
        Role::Runner,
        &[
            "cancel_run",
            "refresh_model",
            "retry_run",
            "run_unit_tests",
            "start_run",
        ],
    ),
    (
        Role::Operator,
        &[
            "check_source",
            "dismiss_rejects",
            "pause_pipeline",
            "rebuild_table",
            "replay_rejects",
            "restage_table",
            "resume_model",
            "resume_pipeline",
            "resync_table",
            "start_maintenance",
            "suspend_model",
            "test_table",
            "verify_model",
            "verify_table",
        ],
    ),
    (
        Role::Admin,
        &[
            "delete_leftover",
            "forget_keys",
            "get_engine",
            "list_deliveries",
            "list_leftovers",
            "list_webhooks",
            "reload_pipelines",
            "reset_table",
            "test_webhook",
        ],
    ),
];
/// Operations that belong to no pipeline, so that their role must be given on all.
const OF_NO_PIPELINE: [&str; 7] = [
    "delete_leftover",
    "get_engine",
    "list_deliveries",
    "list_leftovers",
    "list_webhooks",
    "reload_pipelines",
    "test_webhook",
];
/// Operations that anybody may call: what Kubernetes asks.
const PUBLIC: [&str; 2] = ["get_livez", "get_readyz"];

/// The role that an operation needs. `None` for those that anybody may call.
pub(super) fn role(operation: &str) -> Option<Role> {
    let needed = ROLES.iter().find(|(_, names)| names.contains(&operation));
    if PUBLIC.contains(&operation) {
        return None;
    }

    // What is not listed needs the most.
    Some(needed.map_or(Role::Admin, |(role, _)| *role))
}

/// The role for a call that asks for more than its operation shows by default: the SQL of a plan.
pub(super) fn needed(operation: &str, role: Role, query: Option<&str>) -> Role {
    let query = query.unwrap_or_default().as_bytes();
    let has_sql =
        form_urlencoded::parse(query).any(|(name, value)| name == "sql" && value == "true");

    if operation == "get_plan" && has_sql {
        Role::Reader
    } else {
        role
    }
}

/// Whether an operation belongs to no pipeline, so that its role must be given on all.
pub(super) fn is_of_no_pipeline(operation: &str) -> bool {
    OF_NO_PIPELINE.contains(&operation)
}
