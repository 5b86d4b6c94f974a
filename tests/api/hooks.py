"""What schemathesis must know of the API, and what it must look at, that no schema tells."""

import json
import re
import urllib.parse
import uuid

import schemathesis


# A longer address is answered with 414 before any operation sees the call, as the page of conventions says. In bytes.
LONGEST_ADDRESS = 60_000


@schemathesis.hook
def filter_query(context, query):
    """Leaves out addresses that are too long for HTTP."""
    return query is None or len(urllib.parse.quote(json.dumps(query, default=str), safe="")) < LONGEST_ADDRESS


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes each valid Idempotency-Key one of its own: what another call had under the same key is rightly refused."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(r"[!-~]{1,1024}", key):
        case.headers["Idempotency-Key"] = key[:991] + "-" + uuid.uuid4().hex


@schemathesis.check
def problem_type_is_documented(ctx, response, case):
    """Each problem has a type that the document shows under its status."""
    documented = case.operation.definition.raw["responses"].get(str(response.status_code))
    if response.status_code < 400 or documented is None:
        return
    known = documented["content"]["application/problem+json"]["examples"]
    slug = response.json()["type"].rsplit(":", 1)[-1]
    # With `sync`, any problem of a run is that of the call.
    if response.status_code != 424 and slug not in known:
        raise AssertionError(f"`{slug}` is not documented for {response.status_code}: {', '.join(known)}")
