"""Says of each promise of docs/guides/airflow.md whether it holds, by running its DAGs."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import requests
from trino import ask

WORK = Path(sys.argv[1])
HERE = Path(__file__).resolve().parent
DOCS = HERE.parent.parent / "docs"
SERVICE, TRINO, SHOP = (os.environ[f"ICEFRONT_{name}"] for name in ("SERVICE", "TRINO", "SHOP"))
AS_AIRFLOW = {"Authorization": f"Bearer {os.environ['ICEFRONT_TOKEN']}"}
AIRFLOW = Path(sys.executable).with_name("airflow")
# Of each DAG the task that waits first, and the one that turns red when a run fails.
DAGS = {"shop_worker_slots": ("wait", "wait"), "shop_deferrable": ("over", "verdict")}

outcomes = []


def check(claim, holds, seen=""):
    outcomes.append(bool(holds))
    print(f"{'ok  ' if holds else 'FAIL'} {claim}" + ("" if holds else f"\n     {seen}"), flush=True)


def run(log, *command):
    """Runs a command, with all that it says in a log; gives its exit status and the log."""
    path = WORK / f"{log}.log"
    with path.open("w") as out:
        status = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, timeout=600).returncode
    return status, path.read_text()


def test_dag(dag, log):
    """Runs a DAG; gives its exit status, its log and the DAG run's id."""
    status, text = run(log, AIRFLOW, "dags", "test", dag)
    return status, text, re.findall(r"DagRun Finished: .*?run_id=([^,]+),", text)[-1]


def task_states(dag, dag_run):
    command = [AIRFLOW, "tasks", "states-for-dag-run", dag, dag_run, "-o", "json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    tasks = json.loads(answer[answer.index("[\n") if "[\n" in answer else answer.index("[{"):])
    return {task["task_id"]: task["state"] for task in tasks}


def runs_of(dag_run):
    """The service's runs of a DAG run, by step."""
    page = requests.get(f"{SERVICE}/v1/runs", params={"limit": 50}, headers=AS_AIRFLOW, timeout=60).json()["data"]
    mine = [run for run in page if run["labels"].get("dag_run_id") == dag_run]
    steps = {run["labels"]["task_group"]: run for run in mine}
    assert len(steps) == len(mine), f"a step of {dag_run} has two runs: {mine}"
    return steps


def shop_goes_on(seed):
    command = [os.environ["ICEFRONT_BINARY"], "generate", "--url", SHOP, "--rows", "100", "--seed", str(seed)]
    subprocess.run(command, check=True, capture_output=True)


def psql(*commands, **options):
    arguments = [word for command in commands for word in ("-c", command)]
    return subprocess.Popen([os.environ["ICEFRONT_PSQL"], "-XqtA", SHOP, *arguments], stdout=subprocess.PIPE, text=True, **options)


def documentation():
    text = (DOCS / "guides" / "airflow.md").read_text()
    files = {path.stem: path.read_text() for path in (DOCS / "airflow").glob("*.py")}
    check("the DAGs below docs/airflow are the ones that are tested here", set(files) == set(DAGS), files.keys())
    for name, source in files.items():
        check(f"the documentation links {name}.py", f"(../airflow/{name}.py)" in text)
        imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
        names = {alias.name for node in imports if node.module.startswith("airflow.") for alias in node.names}
        check(f"{name} needs no operators but HttpOperator and HttpSensor", names == {"HttpOperator", "HttpSensor", "DAG", "TaskGroup"}, names)
    every_line = {line.strip() for source in files.values() for line in source.splitlines()}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        if "with DAG(" in block:
            (WORK / "dags" / "shop_one_task.py").write_text(block.replace("retries=2", "retries=2, retry_delay=1"))
            continue
        strange = [line for line in block.splitlines() if line.strip() not in every_line]
        check(f"the documentation shows `{block.strip().splitlines()[0].strip()}` as it is in a DAG", not strange, strange)


def succeeds(dag):
    status, log, dag_run = test_dag(dag, f"{dag}-succeeds")
    runs = runs_of(dag_run)
    check(f"{dag} succeeds", status == 0, log[-2000:])
    seen = [(runs[step]["state"], runs[step]["attempt"]) for step in ("extract", "staging", "marts")]
    check(f"{dag} makes one run of each step, at the first attempt", seen == [("succeeded", 1)] * 3, seen)
    check(f"{dag} leaves all runs that succeeded alone in its teardowns", set(task_states(dag, dag_run).values()) == {"success"})
    source = psql("select count(*), sum(order_sum) from orders").communicate()[0].strip().split("|")
    rows = [str(value) for value in ask(TRINO, "select count(*), sum(order_sum) from lake.airflow_marts.orders")[0]]
    check(f"{dag} publishes what the shop has", source == rows, (source, rows))


def test_dag_on_broken_table(dag):
    """Runs a DAG while a column of a published table has another name, which fails the statement that publishes it."""
    ask(TRINO, "alter table lake.airflow_marts.orders rename column order_sum to amount")
    try:
        return test_dag(dag, f"{dag}-fails")
    finally:
        ask(TRINO, "alter table lake.airflow_marts.orders rename column amount to order_sum")


def one_task():
    dag = "shop_one_task"
    status, log, _ = test_dag(dag, f"{dag}-succeeds")
    check(f"{dag} succeeds", status == 0, log[-2000:])
    shop_goes_on(3)
    status, log, _ = test_dag_on_broken_table(dag)
    check(f"{dag} fails when its run fails", status == 1, log[-2000:])
    answers = [json.loads(answer) for answer in re.findall(r'{"type":"urn:icefront:problem.*?}(?= |$)', log, re.MULTILINE)]
    said = {(answer["run_id"], answer["step"], answer["trino_error_name"], answer["line"] > 0) for answer in answers}
    check(f"{dag} has the run, the step, the error and the line in the log, once for each try of one run", len(answers) == 3 and len(said) == 1, answers)
    attempt = requests.get(f"{SERVICE}/v1/runs/{answers[0]['run_id']}", headers=AS_AIRFLOW, timeout=60).json()["attempt"]
    check(f"{dag} tries the same run again for each retry of the task", attempt == 3, attempt)


def fails(dag, red):
    status, log, dag_run = test_dag_on_broken_table(dag)
    failed = runs_of(dag_run)["marts"]
    error = failed["error"] or {}
    check(f"{dag} fails when a run fails", status == 1 and failed["state"] == "failed", (status, failed))
    states = task_states(dag, dag_run)
    reds = [task for task, state in states.items() if state != "success"]
    check(f"{dag} has one red task: the one that asks how the run ended", reds == [f"marts.{red}"], states)
    said = re.findall(r"RuntimeError: (.*)", log)
    words = [failed["id"], f"step {error.get('step')}", "step mart.orders", "COLUMN_NOT_FOUND", f"line {error.get('line')}", "order_sum"]
    check(f"{dag} names the run, the step, the error and the line in the log", said and all(word in said[-1] for word in words), (words, said))
    check(f"{dag} tries the same run again for each retry of the task", len(said) == 3 and failed["attempt"] == 3, (len(said), failed["attempt"]))
    status, log = run(f"{dag}-goes-on", sys.executable, HERE / "go_on.py", "clear", dag, dag_run, f"marts.{red}")
    mended = runs_of(dag_run)["marts"]
    check(f"{dag} succeeds when the cause is mended and the red task cleared", status == 0, log[-2000:])
    same = mended["id"] == failed["id"] and mended["state"] == "succeeded" and mended["attempt"] > failed["attempt"]
    check(f"{dag} then goes on with the same run, as its next attempt", same, (failed, mended))


def is_cancelled(dag, waits):
    shop = psql("begin", "lock table audit_log_dml in access exclusive mode", "select pg_sleep(60)")
    try:
        status, log = run(f"{dag}-marked-failed", sys.executable, HERE / "go_on.py", "mark_failed", dag, f"extract.{waits}")
        dag_run = re.findall(r"^DAG run (\S+) is", log, re.MULTILINE)[-1]
        cancelled = runs_of(dag_run)["extract"]
        answer = requests.get(SERVICE + cancelled["links"]["self"], params={"wait": "30s"}, headers=AS_AIRFLOW, timeout=60).json()
        check(f"{dag} cancels the run when the task that waits for it is marked as failed", answer["state"] == "cancelled", answer)
        states = task_states(dag, dag_run)
        over = (states["extract.cancel"], states["staging.start"])
        check(f"{dag} does so in its teardown, and ends as failed", status == 1 and over == ("success", "upstream_failed"), states)
    finally:
        shop.terminate()


documentation()
shop_goes_on(1)
one_task()
for seed, (dag, (waits, red)) in enumerate(DAGS.items()):
    shop_goes_on(10 * seed + 11)
    succeeds(dag)
    shop_goes_on(10 * seed + 12)
    fails(dag, red)
    is_cancelled(dag, waits)
print(f"{outcomes.count(True)} passed, {outcomes.count(False)} failed")
sys.exit(not all(outcomes))
