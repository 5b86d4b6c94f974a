"""What schemathesis must know of the API that no schema tells."""

import re
import uuid

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes each valid Idempotency-Key one of its own: what another call had under the same key is rightly refused."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(r"[!-~]{1,1024}", key):
        case.headers["Idempotency-Key"] = key[:991] + "-" + uuid.uuid4().hex
