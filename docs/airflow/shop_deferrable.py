"""The shop pipeline every hour: extract, then staging, then marts. A wait holds no worker slot: the triggerer waits.

Needs an HTTP connection `icefront`; docs/guides/airflow.md tells how, and why each line is as it is.
"""

import json
from datetime import datetime, timedelta

from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.sdk import DAG, TaskGroup

PIPELINE = "shop"
# A deferred operator that looks at the status itself would log `424:Failed Dependency` and no more; `succeeded` logs the answer.
ANY_STATUS = {"check_response": False}


def succeeded(response):
    """Tells whether the service did what it was asked for. Raises when not: the task fails, and its log says why."""
    if response.ok:
        return True
    try:
        answer = response.json()
    except ValueError:  # not the service's own words: a proxy's
        answer = {"title": response.reason, "detail": response.text}
    where = [f"{name} {answer[name]}" for name in ("run_id", "step", "trino_error_name", "line") if name in answer]
    raise RuntimeError(f"{response.status_code} {answer['title']} ({', '.join(where)}): {answer['detail']}")


def run(step):
    """Starts a run of one step, waits for its end, and cancels it when the wait ends before it does."""
    headers = {
        # One key, one run: it is not started twice when the triggerer sends it twice, and a retried task continues it.
        "Idempotency-Key": "{{ (dag.dag_id ~ '/' ~ run_id ~ '/') | urlencode }}" + step,
        "Content-Type": "application/json",
    }
    request = {
        "steps": [step],
        "labels": {"dag_id": "{{ dag.dag_id }}", "dag_run_id": "{{ run_id }}", "task_group": step},
    }
    the_run = "/v1/runs/{{ ti.xcom_pull(task_ids='" + step + ".start') }}"
    with TaskGroup(step) as group:
        start = HttpOperator(
            task_id="start",
            method="POST",
            endpoint=f"/v1/pipelines/{PIPELINE}/runs",
            headers=headers,
            data=json.dumps({**request, "on_failed": "rerun"}),
            response_check=succeeded,
            extra_options=ANY_STATUS,
            response_filter=lambda response: response.json()["id"],
            log_response=True,
        )
        # 404 while the run is active, 200 when it is over, however it ended.
        over = HttpSensor(
            task_id="over",
            endpoint=the_run + "/outcome",
            extra_options={"timeout": 60},
            poke_interval=5,
            timeout=3600,  # after an hour the task fails, and the run is cancelled
        )
        verdict = HttpOperator(
            task_id="verdict",
            method="POST",
            endpoint=f"/v1/pipelines/{PIPELINE}/runs?sync=true&wait=55s",
            headers=headers,
            # The first attempt asks how the run ended; a later one has the same run retried.
            data=json.dumps({**request, "on_failed": "{{ 'rerun' if ti.try_number > 1 else 'return' }}"}),
            response_check=succeeded,
            extra_options=ANY_STATUS,
        )
        cancel = HttpOperator(
            task_id="cancel",
            method="POST",
            endpoint=the_run + "/cancel",
            response_check=succeeded,
            extra_options=ANY_STATUS,
        )
        # A teardown comes however the wait ended, also when somebody marks it as failed; of a run that is over it changes nothing.
        start >> over >> verdict >> cancel.as_teardown(setups=start)
    return group


with DAG(
    dag_id="shop_deferrable",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={
        "http_conn_id": "icefront",
        "deferrable": True,
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
    },
):
    run("extract") >> run("staging") >> run("marts")
