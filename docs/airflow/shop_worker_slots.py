"""The shop pipeline every hour: extract, then staging, then marts. A wait holds a worker slot; in `shop_deferrable.py` none does.

Needs an HTTP connection `icefront`; docs/guides/airflow.md tells how, and why each line is as it is.
"""

import json
from datetime import datetime, timedelta

from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.sdk import DAG, TaskGroup

PIPELINE = "shop"


def succeeded(response):
    """Tells whether the run has succeeded. Raises when it ended otherwise: the task fails, and its log says why."""
    if response.ok:
        return True
    if response.status_code in (429, 502, 503, 504):
        return False  # still running, too many calls, or the service is away for a moment: ask again
    try:
        answer = response.json()
    except ValueError:  # not the service's own words: a proxy's
        answer = {"title": response.reason, "detail": response.text}
    where = [f"{name} {answer[name]}" for name in ("run_id", "step", "trino_error_name", "line") if name in answer]
    raise RuntimeError(f"{response.status_code} {answer['title']} ({', '.join(where)}): {answer['detail']}")


def run(step):
    """Starts a run of one step, waits for its end, and cancels it when the wait ends before it does."""
    headers = {
        # One key, one run: it is not started twice when an answer is lost, and a retried task continues it.
        "Idempotency-Key": "{{ (dag.dag_id ~ '/' ~ run_id ~ '/') | urlencode }}" + step,
        "Content-Type": "application/json",
    }
    request = {
        "steps": [step],
        "labels": {"dag_id": "{{ dag.dag_id }}", "dag_run_id": "{{ run_id }}", "task_group": step},
    }
    with TaskGroup(step) as group:
        start = HttpOperator(
            task_id="start",
            http_conn_id="icefront",
            method="POST",
            endpoint=f"/v1/pipelines/{PIPELINE}/runs",
            headers=headers,
            data=json.dumps({**request, "on_failed": "rerun"}),
            response_filter=lambda response: response.json()["id"],
            log_response=True,
            extra_options={"timeout": 60},
        )
        wait = HttpSensor(
            task_id="wait",
            http_conn_id="icefront",
            method="POST",
            endpoint=f"/v1/pipelines/{PIPELINE}/runs?sync=true&wait=55s",
            headers=headers,
            # The first attempt waits for the run that was started; a later one has the same run retried.
            request_params=json.dumps({**request, "on_failed": "{{ 'rerun' if ti.try_number > 1 else 'return' }}"}),
            response_check=succeeded,
            extra_options={"timeout": 60, "check_response": False},  # `succeeded` looks at the status
            poke_interval=1,  # the service does the waiting
            timeout=3600,  # after an hour the task fails, and the run is cancelled
        )
        cancel = HttpOperator(
            task_id="cancel",
            http_conn_id="icefront",
            method="POST",
            endpoint="/v1/runs/{{ ti.xcom_pull(task_ids='" + step + ".start') }}/cancel",
            extra_options={"timeout": 60},
        )
        # A teardown comes however the wait ended, also when somebody marks it as failed; of a run that is over it changes nothing.
        start >> wait >> cancel.as_teardown(setups=start)
    return group


with DAG(
    dag_id="shop_worker_slots",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
):
    run("extract") >> run("staging") >> run("marts")
