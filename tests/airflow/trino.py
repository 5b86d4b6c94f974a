"""Asks Trino, by its own REST protocol.

    trino.py URL drop        drops the schemas of this test
"""

import sys

import requests

SCHEMAS = ["airflow_landing", "airflow_staging", "airflow_marts"]


def ask(url, statement):
    """Gives the rows of a statement."""
    headers = {"X-Trino-User": "airflow"}
    page = requests.post(f"{url}/v1/statement", data=statement, headers=headers, timeout=60).json()
    rows = page.get("data", [])
    while "nextUri" in page:
        page = requests.get(page["nextUri"], headers=headers, timeout=60).json()
        rows += page.get("data", [])
    if "error" in page:
        raise RuntimeError(f"{statement}: {page['error']['message']}")
    return rows


if __name__ == "__main__":
    for schema in SCHEMAS:
        ask(sys.argv[1], f"drop schema if exists lake.{schema} cascade")
