#!/usr/bin/env python3
"""Checks how the crate's modules depend on each other: no circles, and no dependency against the direction of ARCHITECTURE.md.

A module is a file below `src/`. It depends on the module that defines an item which it names by a path. A `pub use` is no
dependency: whoever names the re-exported item depends on the module that defines it. Test code (`#[cfg(test)]`) is left out.
Prints each circle and each wrong dependency, and exits with 1 if there is one; `--print` lists all dependencies.
"""

import re
import sys
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "src"

# A module may depend on those of lower layers only; modules of one layer do not know each other.
LAYERS = [
    ["main", "lib"],
    ["serve", "log"],
    ["http"],
    ["run", "webhooks", "lineage", "metrics"],
    ["outbox", "report", "init"],
    ["app"],
    ["auth"],
    ["source", "warehouse", "models"],
    ["landing"],
    ["publish"],
    ["state"],
    ["pipeline"],
    ["trino"],
    ["config"],
    ["postgres"],
    ["sql"],
    ["traces"],
    ["error"],
    ["time"],
]


def strip(text):
    """Rust without comments, strings and test modules."""
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r'r#*"[\s\S]*?"#*', '""', text)
    text = re.sub(r'"(?:\\.|[^"\\])*"', '""', text)
    text = re.sub(r"\bsql!\([^)]*\)", "", text)  # names a statement, not a module
    at = text.find("#[cfg(test)]\nmod ")
    return text if at < 0 else text[:at]


def expand(tree):
    """The paths of a use tree: `a::{b, c as d}` gives `a::b` and `a::c`, each with the name it gets here."""
    tree = tree.strip()
    match = re.match(r"((?:\w+::)*)\{([\s\S]*)\}$", tree)
    if not match:
        path, _, alias = tree.partition(" as ")
        yield path.strip(), (alias or path.rsplit("::", 1)[-1]).strip()
        return
    prefix, inner, depth, start = match[1], match[2], 0, 0
    for at, sign in enumerate(inner + ","):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        if sign == "," and depth == 0:
            if inner[start:at].strip():
                for path, name in expand(inner[start:at]):
                    yield prefix + path, name
            start = at + 1


class Module:
    def __init__(self, file):
        parts = list(file.relative_to(SRC).with_suffix("").parts)
        self.name = tuple(parts[:-1] if parts[-1] == "mod" else [] if parts == ["lib"] else parts)
        text = strip(file.read_text())
        self.uses, self.exports = [], {}
        for match in re.finditer(r"(?m)^\s*(pub(?:\([^)]*\))? )?use ([^;]+);", text):
            for path, name in expand(match[2]):
                path = [part for part in path.split("::") if part]
                if match[1]:
                    self.exports[name] = path
                else:
                    self.uses.append(path)
        body = re.sub(r"(?m)^\s*(pub(?:\([^)]*\))? )?use [^;]+;", "", text)
        self.uses += [match[0].split("::") for match in re.finditer(r"\b(?:crate|super|self)(?:::\w+)+", body)]
        # A path that begins with a name that was brought in, or with a child module.
        self.uses += [match[0].split("::") for match in re.finditer(r"(?<![\w:])[a-z_]\w*(?:::\w+)+", body)]


def resolve(path, module, modules, seen=()):
    """The module that defines what a path names; none if it is not of this crate."""
    at, rest = list(module.name), list(path)
    if rest[0] == "crate":
        at, rest = [], rest[1:]
    elif rest[0] in ("self", "super"):
        while rest and rest[0] in ("self", "super"):
            if rest[0] == "super":
                at = at[:-1]
            rest = rest[1:]
    elif tuple(at + rest[:1]) not in modules and rest[0] not in module.exports:
        return None
    while rest and tuple(at + rest[:1]) in modules:
        at, rest = at + rest[:1], rest[1:]
    found = modules.get(tuple(at))
    if found and rest and rest[0] in found.exports and (found.name, rest[0]) not in seen:
        step = resolve(found.exports[rest[0]] + rest[1:], found, modules, (*seen, (found.name, rest[0])))
        return step or found
    return found


def circles(graph):
    """Strongly connected parts of more than one module (Tarjan)."""
    number, low, stack, found = {}, {}, [], []

    def visit(node):
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in graph[node]:
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            part = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(part) > 1:
                found.append(sorted(part))

    for node in graph:
        if node not in number:
            visit(node)
    return found


def show(name):
    return "::".join(name) or "lib"


def main():
    sys.setrecursionlimit(10_000)
    modules = {module.name: module for module in map(Module, sorted(SRC.rglob("*.rs")))}
    graph = {name: set() for name in modules}
    for name, module in modules.items():
        for path in module.uses:
            target = resolve(path, module, modules)
            if target and target.name != name and target.name:
                graph[name].add(target.name)
    if "--print" in sys.argv:
        for name, others in graph.items():
            print(show(name), "->", ", ".join(sorted(map(show, others))))

    faults = [f"these modules depend on each other: {', '.join(map(show, part))}" for part in circles(graph)]
    layer = {module: at for at, modules_of in enumerate(LAYERS) for module in modules_of}
    for name, others in graph.items():
        for other in others:
            above, below = name[0] if name else "lib", other[0]
            for top in (above, below):
                if top not in layer:
                    sys.exit(f"module `{top}` has no layer; give it one in {Path(__file__).name}")
            if above != below and layer[above] >= layer[below]:
                faults.append(f"`{show(name)}` must not depend on `{show(other)}`: `{above}` is not above `{below}`")
    print("\n".join(sorted(set(faults))) or f"{len(modules)} modules, no circle, every dependency in its direction")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
