"""Compares what Icefront and dbt made of one project: each model's rows, and the results of tests and unit tests. Exits with 1 if they differ."""

import json
import re
import sys
import urllib.request
from collections import defaultdict
from pathlib import Path

import trino

API, PORT = sys.argv[1:3]
RUN, DBT, MANIFEST = (json.loads(Path(path).read_text()) for path in sys.argv[3:6])
UNIT_TESTS = Path(sys.argv[6]).read_text()
OURS, THEIRS = "dbt_check_marts", "dbt_check_dbt"
SHOWN = 3  # differing rows of a model

faults = []
actions = defaultdict(int)
unchanged = set()  # models without a changed row: Icefront does not test them again


def call(path):
    with urllib.request.urlopen(f"{API}/{path}", timeout=60) as answer:
        return json.load(answer)


connection = trino.dbapi.connect(host="127.0.0.1", port=int(PORT), user="dbt", catalog="lake", timezone="UTC")


def ask(sql):
    return connection.cursor().execute(sql).fetchall()


def columns_of(schema):
    """The columns of each table of a schema: names and types, in their order."""
    found = defaultdict(list)
    for table, name, kind in ask(
        "select table_name, column_name, data_type from lake.information_schema.columns "
        f"where table_schema = '{schema}' order by table_name, ordinal_position"
    ):
        found[table].append((name, kind))
    return found


def compare_rows(model, columns):
    """Compares a model's tables as bags of rows; gives the number of rows and what differs."""
    ours, theirs = (f"select {columns} from lake.{schema}.{model}" for schema in (OURS, THEIRS))
    only_ours, only_theirs = f"{ours} except all {theirs}", f"{theirs} except all {ours}"
    [counts] = ask(f"select {', '.join(f'(select count(*) from ({part}))' for part in (ours, theirs, only_ours, only_theirs))}")
    if counts[2:] == [0, 0]:
        return counts[0], ""
    shown = [f"{side}: {row}" for side, part in (("Icefront", only_ours), ("dbt", only_theirs)) for row in ask(f"{part} order by 1 limit {SHOWN}")]
    return counts[0], f"rows {counts[0]}, of dbt {counts[1]}; only in Icefront {counts[2]}, only in dbt {counts[3]}\n    " + "\n    ".join(shown)


def compare_models():
    columns, dbt_columns = columns_of(OURS), columns_of(THEIRS)
    rows = 0
    print(f"  {'model':26} {'kind':12} {'':11} {'rows are':8} Icefront's action")
    models = sorted((node["name"], node) for node in MANIFEST["nodes"].values() if node["resource_type"] == "model" and node["package_name"] == "shop")
    own = {model["name"]: model for model in call("models?limit=1000")["data"]}
    if {f"shop.{name}" for name, _ in models} != set(own):
        faults.append(f"other models: {sorted(own)}")
    for name, node in models:
        refresh = next(iter(call(f"models/shop.{name}/refreshes?limit=1")["data"]), {})
        action = (refresh.get("action") or refresh["state"]) if refresh.get("run_id") == RUN["id"] else "none"
        count, difference = 0, ""
        if action in ("none", "failed", "upstream_failed"):
            difference = f"Icefront did not refresh it: {(refresh.get('error') or {}).get('detail')}"
        elif DBT[node["unique_id"]]["status"] != "success":
            difference = f"dbt did not make it: {DBT[node['unique_id']]['message']}"
        elif columns[name] != dbt_columns[name]:
            difference = f"other columns\n    Icefront: {columns[name]}\n    dbt:      {dbt_columns[name]}"
        else:
            count, difference = compare_rows(name, ", ".join(f'"{column}"' for column, _ in columns[name]))
        reason = f": {refresh['detail']}" if action == "full" and refresh.get("detail") else ""
        scopes = f" of {refresh['scopes']} scopes" if refresh.get("scopes") else ""
        print(f"  {name:26} {node['config']['materialized']:12} {count:6} rows  {'DIFFERS' if difference else 'equal':8} {action}{scopes}{reason}")
        actions[action] += 1
        if action == "no_data" or action == "incremental" and not any(refresh.get(count) for count in ("inserted", "updated", "deleted")):
            unchanged.add(name)
        rows += count
        if difference:
            print(f"    {difference}")
            faults.append(f"model {name}")
    return len(models), rows


def short_name(node):
    """The name of dbt's test as Icefront gives it: without the arguments."""
    kind = node["test_metadata"]["name"]
    return kind if kind in node["name"] else node["name"]


def compare_tests():
    """Compares the tests of models that are tables. Icefront tests no view, and no rows that did not change."""
    theirs, ours, views = defaultdict(list), defaultdict(list), 0
    for node in MANIFEST["nodes"].values():
        if node["resource_type"] != "test":
            continue
        model = MANIFEST["nodes"][node["attached_node"]]
        if model["config"]["materialized"] == "view":
            views += 1
            continue
        result = DBT[node["unique_id"]]
        # dbt says `fail` for a test and `error` for freshness.
        status = {"fail": "error"}.get(result["status"], result["status"])
        theirs[model["name"], short_name(node), node["column_name"]].append((status, result["failures"]))
    kinds = sorted({kind for _, kind, _ in theirs}, key=len, reverse=True)
    for result in call(f"runs/{RUN['id']}/tests?limit=1000")["data"]:
        if result["attempt"] != RUN["attempt"] or not result["model"]:
            continue
        kind = next((kind for kind in kinds if result["name"].startswith(kind)), result["name"])
        ours[result["model"].removeprefix("shop."), kind, result.get("column")].append((result["status"], result["failures"]))
    same = warnings = missing = 0
    for key in sorted(theirs.keys() | ours.keys(), key=str):
        if not ours[key] and key[0] in unchanged:
            missing += len(theirs[key])
        elif sorted(theirs[key]) != sorted(ours[key]):
            faults.append(f"test {key}")
            print(f"  test {key}: dbt {theirs[key]}, Icefront {ours[key]}")
        else:
            same += len(theirs[key])
            warnings += sum(status == "warn" for status, _ in ours[key])
    return same, warnings, missing, views


def compare_unit_tests():
    theirs = {f"{node['model']}: {node['name']}": DBT[unique_id]["status"] for unique_id, node in MANIFEST["unit_tests"].items()}
    ours = {name: status.lower() for status, name in re.findall(r"^([A-Za-z]+) +shop\.(\w+: .+)$", UNIT_TESTS, re.MULTILINE)}
    if ours != theirs:
        faults.append("unit tests")
        print(f"  unit tests: dbt {theirs}\n  Icefront {ours}")
    return len(theirs)


DBT = {result["unique_id"]: result for result in DBT["results"]}
models, rows = compare_models()
same, warnings, missing, views = compare_tests()
unit_tests = compare_unit_tests()
if not RUN["succeeded"]:
    faults.append(f"the run: {RUN['error']['detail']}")
print(
    f"  {models} models, {rows} rows ({', '.join(f'{count} {action}' for action, count in sorted(actions.items()))}); "
    f"{same} tests with the same result, {warnings} of them a warning; {missing} not run again because nothing changed, {views} of views by dbt alone; {unit_tests} unit tests"
)
if faults:
    print(f"  DIFFERENT: {'; '.join(faults)}")
sys.exit(bool(faults))
