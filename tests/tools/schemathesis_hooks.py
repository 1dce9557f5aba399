"""What schemathesis has to know of the hub: which key is its own, and what would hide the rest of a call."""

import itertools
import os

import schemathesis

OWN_KEY = os.environ.get("VOUCHSAFE_KEY_ID", "none")
CREDENTIAL = {"userId": "judge", "connector": "quillpost", "data": {"key": os.environ.get("VOUCHSAFE_VALUE")}}

calls = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    call, path, headers = next(calls), case.path_parameters or {}, case.headers or {}
    well_meant = case.meta is not None and case.meta.generation.mode.is_positive
    # Its own key is in the lists: rotated, switched off or deleted, it would be of no more use.
    if OWN_KEY in str(path.get("apiKeyId")):
        path["apiKeyId"] = "apikey_01jz0000000000000000000000"
    # The same word with another body is refused before anybody looks at that body.
    if 0 < len(headers.get("Idempotency-Key", "")) < 200:
        headers["Idempotency-Key"] = f"{call}{headers['Idempotency-Key']}"
    # Which user, connector and values there are is no matter of the document.
    if case.operation.label == "POST /credentials" and well_meant and call % 2:
        case.body.update(CREDENTIAL)
    # A case that is meant to be wrong still is: without this, what was left out on purpose is put back.
    case._sync_validated_hashes()
