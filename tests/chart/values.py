#!/usr/bin/env python3
"""Compares the chart's values.yaml, values.schema.json and README.md, and writes the table of values in README.md anew.

A key of values.yaml with a comment above it is a value; its comment is what README.md says. Defaults are written on one line.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/icefront"
BEGIN = "<!-- Written by tests/chart/values.py: change values.yaml, then run `make chart`. -->\n"
END = "<!-- The end of the values. -->\n"
# What values.yaml says about itself.
HEADER = 2


class Value:
    """A key of values.yaml: its path, its default as written, and what it means."""

    def __init__(self, path, default, meaning):
        self.path, self.default, self.meaning = path, default, meaning

    def row(self):
        default = f"`{self.default}`" if len(self.default) <= 60 else "see values.yaml"
        return f"| `{self.path}` | {default} | {self.meaning} |\n".replace("||", "\\|\\|")


def read_values():
    """The values, in their order, and the faults of how they are written."""
    values, faults, above, parents = [], [], [], []
    for number, line in enumerate((CHART / "values.yaml").read_text().splitlines(), 1):
        text = line.strip()
        if number <= HEADER or not text:
            above = []
            continue
        if text.startswith("#"):
            above.append(text.removeprefix("#").strip())
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        key, _, default = text.partition(":")
        path = ".".join([*parents[:depth], key])
        if default.strip() == "":
            parents = [*parents[:depth], key]
        elif above:
            values.append(Value(path, default.strip(), " ".join(above)))
        else:
            faults.append(f"values.yaml:{number}: `{path}` has no comment above it")
        above = []
    return values, faults


def in_schema(schema, path=""):
    """The paths that a schema closes, down to the last."""
    for key, below in schema.get("properties", {}).items():
        at = f"{path}.{key}" if path else key
        is_group = below.get("additionalProperties") is False and "properties" in below and at not in LEAVES
        yield from in_schema(below, at) if is_group else [at]


# Groups of the schema that are one value each.
LEAVES = {"settings", "probes.startup", "probes.liveness", "probes.readiness"}


def compare(name, found, values):
    documented = {value.path for value in values}
    for path in sorted(documented - found):
        yield f"{name} lacks `{path}`, which values.yaml has"
    for path in sorted(found - documented):
        yield f"{name} has `{path}`, which values.yaml lacks"


def write_readme(values):
    """Writes the table; a fault if it was another one."""
    readme = CHART / "README.md"
    old = readme.read_text()
    before, _, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        return [f"README.md lacks the lines `{BEGIN.strip()}` and `{END.strip()}`"]
    table = "\n| value | default | meaning |\n|---|---|---|\n" + "".join(value.row() for value in values) + "\n"
    new = before + BEGIN + table + END + after
    if new == old:
        return []
    readme.write_text(new)
    return ["README.md had other values than values.yaml, and was written anew: commit it"]


def sections():
    """The sections of the service's settings."""
    settings = (ROOT / "src/config/config.toml").read_text()
    return {name.partition(".")[0] for name in re.findall(r"^\[([a-z_.]+)\]", settings, re.M)}


def versions():
    chart, cargo = (CHART / "Chart.yaml").read_text(), (ROOT / "Cargo.toml").read_text()
    app = re.search(r'^appVersion: "(.+)"', chart, re.M)[1]
    service = re.search(r'^version = "(.+)"', cargo, re.M)[1]
    return [] if app == service else [f"`appVersion` of Chart.yaml is {app}, and Cargo.toml has {service}"]


def main():
    values, faults = read_values()
    schema = json.loads((CHART / "values.schema.json").read_text())
    # Helm gives `global` to every chart.
    faults += compare("values.schema.json", set(in_schema(schema)) - {"global"}, values)
    known = set(schema["properties"]["settings"]["properties"])
    faults += [f"`settings` of values.schema.json and config.toml differ in `{name}`" for name in known ^ sections()]
    faults += versions()
    faults += write_readme(values)
    for fault in faults:
        print(f"tests/chart: {fault}", file=sys.stderr)
    print(f"values: {len(values)} values, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
