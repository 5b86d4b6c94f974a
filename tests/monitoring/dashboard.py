#!/usr/bin/env python3
"""Writes charts/icefront/files/dashboard.json, the dashboard for Grafana 11 and newer. Exits with 1 if it was another one.

A panel is its title, its type, its unit, and its queries by legend. Several services tell the same of what they share: queries take the
maximum over them, or the sum of what each counted.
"""
import json
import pathlib
import sys

FILE = pathlib.Path(__file__).resolve().parents[2] / "charts/icefront/files/dashboard.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
OF_JOB = '{job=~"$job"}'
OF_PIPELINE = '{job=~"$job", pipeline=~"$pipeline"}'
WIDTH, HEIGHT = 8, 7


def most(by, metric, labels=OF_PIPELINE):
    return f"max by ({by}) ({metric}{labels})"


def rate(by, metric, labels=OF_PIPELINE):
    return f"sum by ({by}) (rate({metric}{labels}[$__rate_interval]))"


def slowest(by, metric, labels=OF_JOB, over="$__rate_interval"):
    """The time within which 95 of 100 ended."""
    return f"histogram_quantile(0.95, sum by (le, {by}) (rate({metric}_bucket{labels}[{over}])))"


def age(by, metric):
    return f"time() - {most(by, metric)}"


def labelled(labels, more):
    return labels[:-1] + ", " + more + "}"


STATUS = [("0", "fresh", "green"), ("1", "late", "orange"), ("2", "too old or failed", "red")]
UP = [("0", "down", "red"), ("1", "up", "green")]
YES = [("0", "no", "green"), ("1", "yes", "orange")]
COVERED = "icefront_freshness_covered_until_timestamp_seconds"

ROWS = {
    "Freshness": [
        ("Status", "state-timeline", STATUS, {"{{name}}": most("name", "icefront_freshness_status")}),
        ("Age of the data", "timeseries", "s", {"{{name}}": age("name", COVERED)}),
        (
            "Age, as a share of the limit for errors",
            "timeseries",
            "percentunit",
            {"{{name}}": f"({age('name', COVERED)}) / {most('name', 'icefront_freshness_error_after_seconds')}"},
        ),
    ],
    "Runs": [
        ("Ended runs", "timeseries", "ops", {"{{pipeline}} {{state}}": rate("pipeline, state", "icefront_runs_total")}),
        (
            "Duration of 95 % of the runs, over an hour",
            "timeseries",
            "s",
            {"{{pipeline}}": slowest("pipeline", "icefront_run_duration_seconds", OF_PIPELINE, "1h")},
        ),
        (
            "Queued and active runs",
            "timeseries",
            "none",
            {
                "{{pipeline}} queued": most("pipeline", "icefront_runs_queued"),
                "{{pipeline}} active": most("pipeline", "icefront_runs_active"),
            },
        ),
        ("Time since the last success", "timeseries", "s", {"{{pipeline}}": age("pipeline", "icefront_run_last_success_timestamp_seconds")}),
        ("Retries", "timeseries", "ops", {"{{pipeline}} {{class}}": rate("pipeline, class", "icefront_run_retries_total")}),
        ("Steps that failed", "timeseries", "ops", {"{{kind}} {{outcome}}": rate("kind, outcome", "icefront_steps_total", labelled(OF_JOB, 'outcome!="succeeded"'))}),
        ("Duration of 95 % of the steps", "timeseries", "s", {"{{kind}}": slowest("kind", "icefront_step_duration_seconds")}),
        ("Changed rows", "timeseries", "rowsps", {"{{table}} {{kind}}": rate("table, kind", "icefront_row_changes_total")}),
        ("Leases taken and lost", "timeseries", "ops", {"taken": rate("job", "icefront_leases_taken_total"), "lost": rate("job", "icefront_leases_lost_total")}),
    ],
    "Sources": [
        ("Time since the source was read", "timeseries", "s", {"{{pipeline}}": age("pipeline", "icefront_source_covered_until_timestamp_seconds")}),
        ("Held back by a transaction", "state-timeline", YES, {"{{pipeline}}": most("pipeline", "icefront_source_blocked")}),
        ("Failed polls", "timeseries", "ops", {"{{pipeline}}": rate("pipeline", "icefront_poll_faults_total")}),
        ("Staged events", "timeseries", "ops", {"{{pipeline}} {{outcome}}": rate("pipeline, outcome", "icefront_staged_events_total")}),
        ("Open rejects", "timeseries", "none", {"{{table}}": most("table", "icefront_rejects_open")}),
        ("Files that could not be read", "timeseries", "none", {"{{table}}": most("table", "icefront_files_unread")}),
    ],
    "Trino": [
        ("Trino answers", "state-timeline", UP, {"{{instance}}": most("instance", "icefront_trino_up", OF_JOB)}),
        ("Statements in Trino", "timeseries", "none", {"{{state}}": f"sum by (state) (icefront_trino_statements{OF_JOB})"}),
        ("Statements that failed", "timeseries", "ops", {"{{kind}} {{outcome}}": rate("kind, outcome", "icefront_statements_total", labelled(OF_JOB, 'outcome!="succeeded"'))}),
        ("Duration of 95 % of the statements", "timeseries", "s", {"{{kind}}": slowest("kind", "icefront_statement_duration_seconds")}),
    ],
    "API": [
        ("Calls", "timeseries", "reqps", {"{{status}}": rate("status", "icefront_http_requests_total", OF_JOB)}),
        ("Time of 95 % of the answers", "timeseries", "s", {"{{method}} {{route}}": slowest("method, route", "icefront_http_request_duration_seconds")}),
        ("Refused calls", "timeseries", "reqps", {"{{reason}}": rate("reason", "icefront_calls_refused_total", OF_JOB)}),
        ("Readings of the file of keys", "timeseries", "ops", {"{{outcome}}": rate("outcome", "icefront_key_reloads_total", OF_JOB)}),
        ("Messages to webhooks", "timeseries", "ops", {"{{webhook}} {{state}}": rate("webhook, state", "icefront_webhook_deliveries_total", OF_JOB)}),
        ("Events to the lineage server", "timeseries", "ops", {"{{state}}": rate("state", "icefront_lineage_events_total", OF_JOB)}),
    ],
    "State": [
        ("State database", "state-timeline", UP, {"{{instance}}": most("instance", "icefront_state_up", OF_JOB)}),
        (
            "Connections in use",
            "timeseries",
            "percentunit",
            {
                "{{instance}} {{pool}}": most("instance, pool", "icefront_state_connections", labelled(OF_JOB, 'state="in_use"'))
                + " / "
                + most("instance, pool", "icefront_state_connections_limit", OF_JOB)
            },
        ),
        ("Waits for a connection", "timeseries", "none", {"{{instance}} {{pool}}": most("instance, pool", "icefront_state_connection_waits", OF_JOB)}),
        ("Size", "timeseries", "bytes", {"database": most("job", "icefront_state_size_bytes", OF_JOB)}),
        ("Largest tables", "timeseries", "bytes", {"{{table}}": f"topk(10, {most('table', 'icefront_state_table_size_bytes', OF_JOB)})"}),
        ("Rows of the largest tables", "timeseries", "none", {"{{table}}": f"topk(10, {most('table', 'icefront_state_table_rows', OF_JOB)})"}),
        ("Versions", "timeseries", "none", {"{{version}}": f"count by (version) (icefront_build_info{OF_JOB})"}),
        ("Broken pipelines", "timeseries", "none", {"{{state}}": most("job, state", "icefront_pipelines", labelled(OF_JOB, 'state=~"broken|outdated"'))}),
    ],
}


def panel(number, place, title, kind, unit, queries):
    defaults = {"custom": {"fillOpacity": 10}, "min": 0} if kind == "timeseries" else {"custom": {"fillOpacity": 80, "lineWidth": 0}}
    if isinstance(unit, str):
        defaults["unit"] = unit
    else:
        words = {value: {"text": text, "color": color, "index": int(value)} for value, text, color in unit}
        defaults["mappings"] = [{"type": "value", "options": words}]
    targets = [{"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": query, "legendFormat": legend} for at, (legend, query) in enumerate(queries.items())]
    options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    return {
        "id": number,
        "type": kind,
        "title": title,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options if kind == "timeseries" else {**options, "showValue": "never", "mergeValues": True},
        "targets": targets,
    }


def panels():
    found, y = [], 0
    for row, described in ROWS.items():
        found.append({"id": len(found) + 1, "type": "row", "title": row, "collapsed": False, "panels": [], "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})
        for at, one in enumerate(described):
            place = {"x": at % 3 * WIDTH, "y": y + 1 + at // 3 * HEIGHT, "w": WIDTH, "h": HEIGHT}
            found.append(panel(len(found) + 1, place, *one))
        y += 1 + -(-len(described) // 3) * HEIGHT
    return found


def variable(name, label, query):
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def dashboard():
    return {
        "title": "Icefront",
        "uid": "icefront",
        "tags": ["icefront"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [
                {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
                variable("job", "Job", "label_values(icefront_build_info, job)"),
                variable("pipeline", "Pipeline", 'label_values(icefront_runs_total{job=~"$job"}, pipeline)'),
            ]
        },
        "annotations": {"list": []},
        "panels": panels(),
    }


def main():
    # A panel a line, so that a change shows.
    text = json.dumps(dashboard(), separators=(",", ":")).replace('{"id":', '\n{"id":') + "\n"
    old = FILE.read_text() if FILE.exists() else ""
    FILE.write_text(text)
    sys.exit(0 if old == text else "tests/monitoring: dashboard.json was another one, and was written anew: commit it")


main()
