"""Runs a pipeline once and says what changed: python run_pipeline.py http://localhost:7070 shop shop-2026-01-01T12:00

The variable ICEFRONT_TOKEN has the key, if the service asks for one. It ends with 0 if the run succeeded, with 1 if the run failed, and with 2 if a call was refused.
"""

import os
import sys
from datetime import datetime, timedelta, timezone

import icefront


class Client(icefront.ApiClient):
    """Sends a map, such as `key`, as a parameter for each of its members. The generated client would send it as JSON."""

    def parameters_to_url_query(self, params, collection_formats):
        flat: list[tuple[str, object]] = []
        for name, value in params:
            flat += value.items() if isinstance(value, dict) else [(name, value)]
        return super().parameters_to_url_query(flat, collection_formats)


def main(address: str, pipeline: str, key: str) -> int:
    with Client(icefront.Configuration(host=address, access_token=os.environ.get("ICEFRONT_TOKEN"))) as client:
        try:
            return run(client, pipeline, key)
        except icefront.ApiException as error:
            if not isinstance(error.data, icefront.Problem):
                raise
            print(f"refused with {error.status}: {error.data.type}: {error.data.detail}", file=sys.stderr)
            return 2


def run(client: Client, pipeline: str, key: str) -> int:
    runs = icefront.RunsApi(client)
    request = icefront.StartRun(labels={"client": "python"})
    # If the answer is lost, the same call with the same key gives the same run.
    started = runs.start_run(pipeline, idempotency_key=key, start_run=request)
    while not runs.get_run(started.id, wait="55s").terminal:
        pass
    outcome = runs.get_run_outcome(started.id)
    print(f"run {outcome.id}: {outcome.state.value} in {outcome.duration_seconds} s")
    for step in runs.list_run_steps(started.id).data:
        print(f"step {step.name}: {step.state.value} in {step.duration_seconds} s")
    if outcome.error is not None:
        print(f"{outcome.error.step}: {outcome.error.type}: {outcome.error.detail}", file=sys.stderr)
        return 1
    for change in icefront.ReportsApi(client).list_run_changes(started.id).data:
        name = change.table or change.model
        print(f"changes of {name}: {change.inserted} inserted, {change.updated} updated, {change.deleted} deleted")
    print_orders(icefront.TablesApi(client), f"{pipeline}.orders")
    print_last_hour(runs, pipeline)
    return 0


def print_orders(tables: icefront.TablesApi, table: str) -> None:
    first, second = tables.list_rows(table, limit=2).data
    print(f"order {first['order_id']}: {first['status']}, {first['order_sum']}")
    key = {"key.order_id": second["order_id"]}
    for order in tables.list_rows(table, key=key).data:
        print(f"order {order['order_id']}: {order['status']}, {order['order_sum']}")


def print_last_hour(runs: icefront.RunsApi, pipeline: str) -> None:
    """Follows `next` to the last page."""
    since = datetime.now(timezone.utc) - timedelta(hours=1)
    states = [icefront.RunState.SUCCEEDED, icefront.RunState.FAILED]
    after = None
    while True:
        page = runs.list_runs(pipeline=pipeline, state=states, since=since, limit=2, after=after)
        for run in page.data:
            print(f"in the last hour: {run.kind} {run.id} {run.state.value}")
        after = page.next
        if after is None:
            return


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
