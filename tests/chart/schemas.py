#!/usr/bin/env python3
"""schemas.py SWAGGER FOLDER: writes strict JSON Schemas for kubeconform, of the kinds that the chart uses, out of Kubernetes' OpenAPI document."""
import json
import pathlib
import sys

KINDS = {
    "ConfigMap", "CronJob", "Deployment", "Ingress", "Job", "NetworkPolicy",
    "Pod", "PodDisruptionBudget", "Service", "ServiceAccount",
}
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
REFERENCE = "#/definitions/"


def strict(node):
    """Refuses fields that the API does not have."""
    if isinstance(node, list):
        return [strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("format") == "int-or-string":
        return {"type": ["string", "integer"]}
    node = {key: strict(each) for key, each in node.items()}
    if isinstance(node.get("properties"), dict) and "additionalProperties" not in node and isinstance(node.get("type"), str):
        node["additionalProperties"] = False
    return node


def names_in(node):
    """The names of the definitions that a schema refers to."""
    if isinstance(node, list):
        for each in node:
            yield from names_in(each)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix(REFERENCE)
        for each in node.values():
            yield from names_in(each)


def reachable(name, definitions):
    """A definition, with all that it needs."""
    found, waiting = {}, [name]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = definitions[name]
            waiting.extend(names_in(definitions[name]))
    return found


def file_name(gvk):
    """As kubeconform asks for it: `deployment-apps-v1.json`."""
    group = gvk["group"].split(".")[0]
    return "-".join(part for part in (gvk["kind"].lower(), group, gvk["version"].lower()) if part) + ".json"


def main(swagger, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = json.loads(pathlib.Path(swagger).read_text())["definitions"]
    definitions = {name: strict(definition) for name, definition in written.items()}
    definitions[QUANTITY] = {"type": ["string", "number"]}
    for name, definition in written.items():
        for gvk in definition.get("x-kubernetes-group-version-kind", []):
            if gvk["kind"] in KINDS:
                schema = {"$ref": REFERENCE + name, "definitions": reachable(name, definitions)}
                (folder / file_name(gvk)).write_text(json.dumps(schema))


main(*sys.argv[1:])
