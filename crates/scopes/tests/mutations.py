#!/usr/bin/env python3
"""Leaves out one rule after the other, and expects that a test fails: `make mutations`.

Works on a copy of the crate below target/. With names as arguments only those rules are left out.
"""

import pathlib
import re
import shutil
import subprocess
import sys

CRATE = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = CRATE.parent.parent
COPY = REPOSITORY / "target" / "mutations"

# name of the rule: file, text, what stands there without the rule
MUTATIONS = {
    "old images": (
        "src/affected.rs",
        '"({}) as went"',
        '"({}) as went where false"',
    ),
    "new images": (
        "src/affected.rs",
        '"({}) as came"',
        '"({}) as came where false"',
    ),
    "the difference counts copies": (
        "tests/trial.rs",
        "except all",
        "except",
    ),
    "a subquery without a link has its old result": (
        "src/affected.rs",
        "self.same.borrow_mut().insert(is_same);",
        "let _ = is_same;",
    ),
    "the time": (
        "src/affected.rs",
        "if self.changes.has_time_moved() && !timed.is_empty() {",
        "if false && !timed.is_empty() {",
    ),
    "the scope is in PARTITION BY": (
        "src/windows.rs",
        "if !is_made_of(&single.expr, &is_key) {",
        "if false && !is_made_of(&single.expr, &is_key) {",
    ),
    "the scope is in GROUP BY": (
        "src/carrier.rs",
        "if !is_group_key(block, &single.expr) {",
        "if false && !is_group_key(block, &single.expr) {",
    ),
    "the carrier is not null-supplied": (
        "src/carrier.rs",
        "if joins.null_supplied.contains(&leaf.id) {\n                continue;",
        "if false {\n                continue;",
    ),
    "twins of inner equalities only": (
        "src/joins.rs",
        ".filter(|join| join.kind == JoinKind::Inner).flat_map(|join| &join.on)",
        ".flat_map(|join| &join.on)",
    ),
    "links lead outward only": (
        "src/links.rs",
        "if start.contains(&from.leaf) {",
        "if start.contains(&from.leaf) || true {",
    ),
    "no link by an expression that null rows pass": (
        "src/links.rs",
        "let hides = |side: &Single| !side.is_strict() && nulls.contains(&side.leaf);",
        "let hides = |_: &Single| nulls.len() > 1_000;",
    ),
    "`not in` is no link": (
        "src/resolve/expressions.rs",
        "target, negated: false, ..",
        "target, ..",
    ),
    "`in` as a value is no link": (
        "src/resolve/expressions.rs",
        "if place == Place::Where {\n            inner.link_in(&mut resolved)?;\n        }",
        "let _ = place == Place::Where;\n        inner.link_in(&mut resolved)?;",
    ),
    "the walk takes no filter": (
        "src/affected.rs",
        "if at.to.leaf == carrier.leaf.id {",
        "let of_leaf = |one: &&Expr| Facts::of(one).only_leaf() == Some(at.to.leaf);\n"
        "let here = filters.iter().filter(of_leaf).fold(here, |here, one| {\n"
        'format!("{here} and ({})", new.expression(one, &[]))\n'
        "});\n"
        "if at.to.leaf == carrier.leaf.id {",
    ),
    "the walk reads the new snapshot": (
        "tests/trial.rs",
        "table: &new, table_before: &old,",
        "table: &old, table_before: &old,",
    ),
}
# What a mutation needs besides.
FURTHER = {
    "twins of inner equalities only": [
        (
            "src/joins.rs",
            "&& !joins.null_supplied.contains(&left.leaf) && !joins.null_supplied.contains(&right.leaf)",
            "",
        ),
    ],
    "the walk takes no filter": [
        ("src/affected.rs", "self.walked(carrier, leaf, &timed)", "self.walked(carrier, leaf, &timed, &block.conditions)"),
        ("src/affected.rs", "leaf: &Leaf, timed: &[Expr]) -> Result<Vec<String>> {", "leaf: &Leaf, timed: &[Expr], filters: &[Expr]) -> Result<Vec<String>> {"),
    ],
}


def main() -> int:
    chosen = sys.argv[1:] or list(MUTATIONS)
    survived = [name for name in chosen if not fails_without(name)]
    for name in survived:
        print(f"no test needs this rule: {name}")
    print(f"{len(chosen) - len(survived)} of {len(chosen)} rules are needed")
    return 1 if survived else 0


def fails_without(name: str) -> bool:
    for crate in (CRATE, CRATE.parent / "queries"):
        shutil.copytree(crate, COPY / "crates" / crate.name, dirs_exist_ok=True)
    for manifest in ("Cargo.toml", "Cargo.lock"):
        shutil.copy(REPOSITORY / manifest, COPY / manifest)
    alone = (COPY / "Cargo.toml").read_text().split("\n[package]")[0].replace('".", ', "")
    (COPY / "Cargo.toml").write_text(alone)
    for file, text, without in [MUTATIONS[name], *FURTHER.get(name, [])]:
        path = COPY / "crates" / "scopes" / file
        source = path.read_text()
        # Blanks do not count.
        pattern = r"\s*".join(re.escape(word) for word in re.findall(r"\w+|[^\w\s]", text))
        mutated, count = re.subn(pattern, lambda _: without, source)
        if count == 0:
            sys.exit(f"{file} does not have this text: {text}")
        path.write_text(mutated)
    command = ["cargo", "test", "--offline", "--package", "icefront-scopes", "--test", "scopes"]
    done = subprocess.run(command, cwd=COPY, capture_output=True, text=True)
    output = done.stdout + done.stderr
    if "error: could not compile" in output:
        sys.exit(f"{name}: does not compile\n{output}")
    failed = [line.split()[1] for line in output.splitlines() if line.startswith("test ") and line.endswith("FAILED")]
    print(f"{name}: {', '.join(failed) or 'nothing fails'}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
