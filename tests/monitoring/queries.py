#!/usr/bin/env python3
"""Asks a Prometheus each query of the dashboard, and each series that alerts look at. An empty answer is a fault.

    queries.py http://127.0.0.1:9090 charts/icefront/files
"""
import json
import pathlib
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

# What Grafana fills in.
VARIABLES = {"$__rate_interval": "30s", "$job": ".*", "$pipeline": ".*"}


def ask(prometheus, query):
    """The number of series that a query gives; a text if Prometheus refuses it."""
    url = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return len(json.load(answer)["data"]["result"])
    except urllib.error.HTTPError as fault:
        return json.load(fault).get("error", str(fault))


def of_dashboard(file):
    for panel in json.loads(file.read_text())["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"]
            for name, value in VARIABLES.items():
                query = query.replace(name, value)
            yield f"dashboard, {panel['title']}", query


def of_alerts(file):
    """The series that rules look at: the rules themselves rightly give nothing while all is well."""
    alert = None
    for line in file.read_text().splitlines():
        if found := re.search(r"- alert: (\w+)", line):
            alert = found[1]
        elif not re.match(r"\s+(summary|description|runbook):|\s*#", line):
            for series in re.findall(r"icefront_\w+(?:\{[^}]*\})?", line):
                yield f"alert {alert}", series


def loaded_rules(prometheus):
    with urllib.request.urlopen(f"{prometheus}/api/v1/rules", timeout=30) as answer:
        groups = json.load(answer)["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def main():
    prometheus, files = sys.argv[1], pathlib.Path(sys.argv[2])
    asked, faults = 0, []
    for place, query in [*of_dashboard(files / "dashboard.json"), *of_alerts(files / "alerts.yaml")]:
        asked += 1
        found = ask(prometheus, query)
        if not isinstance(found, int):
            faults.append(f"{place}: Prometheus refuses `{query}`: {found}")
        elif found == 0:
            faults.append(f"{place}: nothing answers `{query}`")
    rules = loaded_rules(prometheus)
    faults += [f"rule {rule['name']}: {rule['lastError']}" for rule in rules if rule["health"] == "err"]
    for fault in faults:
        print(f"tests/monitoring: {fault}", file=sys.stderr)
    print(f"{asked} queries and {len(rules)} rules, {len(faults)} faults")
    sys.exit(1 if faults or not rules else 0)


main()
