"""Does to a DAG run what a person does in Airflow's web pages, then lets it go on, as `airflow dags test` does: without a scheduler.

    go_on.py clear DAG_ID RUN_ID TASK_ID        clears a task with all that comes after it
    go_on.py mark_failed DAG_ID TASK_ID         starts a DAG run, and marks TASK_ID as failed while it waits
"""

import sys
import time

from airflow import settings
from airflow.models.dagrun import DagRun
from airflow.sdk.definitions.dag import _run_task
from airflow.sdk.timezone import utcnow
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.cli import get_bagged_dag
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select


def go_on(dag, dag_run, session, until=None):
    """Runs what can be run, until the DAG run is over or task `until` is next."""
    while dag_run.state in (DagRunState.RUNNING, DagRunState.QUEUED):
        session.expire_all()
        ready, _ = dag_run.update_state(session=session)
        if until in [instance.task_id for instance in ready]:
            return
        for instance in ready:
            instance.try_number += 1
            instance.state = TaskInstanceState.SCHEDULED
            instance.scheduled_dttm = utcnow()
        session.commit()
        for instance in ready:
            _run_task(ti=instance, task=dag.task_dict[instance.task_id], run_triggerer=True)
        time.sleep(0 if ready else 1)


def clear(dag, stored, session, run_id, task_id):
    chosen = stored.partial_subset(task_ids=[task_id], include_downstream=True, include_upstream=False)
    stored.clear(run_id=run_id, task_ids=list(chosen.task_dict), dag_run_state=DagRunState.RUNNING, session=session)
    session.commit()
    dag_run = session.scalar(select(DagRun).where(DagRun.dag_id == dag.dag_id, DagRun.run_id == run_id))
    dag_run.dag = stored
    go_on(dag, dag_run, session)
    return dag_run


def mark_failed(dag, stored, session, task_id):
    now = utcnow()
    dag_run = stored.create_dagrun(
        run_id=DagRun.generate_run_id(run_type=DagRunType.MANUAL, logical_date=now, run_after=now),
        logical_date=now,
        data_interval=(now, now),
        run_after=now,
        run_type=DagRunType.MANUAL,
        state=DagRunState.RUNNING,
        triggered_by=DagRunTriggeredByType.TEST,
        start_date=now,
        session=session,
    )
    go_on(dag, dag_run, session, until=task_id)
    dag_run.get_task_instance(task_id, session=session).set_state(TaskInstanceState.FAILED, session=session)
    session.commit()
    go_on(dag, dag_run, session)
    return dag_run


action, dag_id, *names = sys.argv[1:]
session = settings.Session()
dag = get_bagged_dag(bundle_names=None, dag_id=dag_id)
stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
dag_run = {"clear": clear, "mark_failed": mark_failed}[action](dag, stored, session, *names)
print(f"DAG run {dag_run.run_id} is {dag_run.state}")
sys.exit(dag_run.state != DagRunState.SUCCESS)
