"""Whether a request is one that Mattermost's published specification knows.

Used by the stand-in for Mattermost: what does not fit is noted there and fails the test that `serving` serves. The
specification (see tests/data/README.md) is a selection, so what the engine asks beyond it is named here.

Known differences between it and real servers: `POST /reactions` answers 200 and not 201; a patch's `props` are an
object and not a string; `GET /config/client` wants a `format`. Blind spots: keys that it does not name pass, among them
`pending_post_id` and `persistent_notifications`; the refusals 413, 429, 500 and 501 of a post are missing; it is silent
on the WebSocket.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jsonschema import Draft4Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4
from standins.loopback import Request

_FILE = Path(__file__).parents[1] / "data" / "mattermost-openapi-min.json"
_NAME = "urn:mattermost"
# What the engine asks and the selection lacks, by method and path.
UNLISTED = (
    "GET /api/v4/teams/name/[^/]+",
    "GET /api/v4/teams/[^/]+/channels/name/[^/]+",
    "POST /api/v4/files",
    "GET /api/v4/websocket",
    # An incoming webhook is no part of the API.
    "POST /hooks/[^/]+",
)
# What real servers take in another form than it says, by path and place in the body.
DIFFERENT = {("/api/v4/posts/{post_id}/patch", "$.props")}
# Parameters of a query that real servers want and it does not name.
UNNAMED = {"/api/v4/config/client": {"format"}}


@cache
def specification() -> Any:
    return json.loads(_FILE.read_text(encoding="utf-8"))


@cache
def _registry() -> Registry[Any]:
    empty: Registry[Any] = Registry()
    filled: Registry[Any] = empty.with_resource(_NAME, DRAFT4.create_resource(specification()))
    return filled


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The paths, those without parameters first."""
    paths = sorted(specification()["paths"], key=lambda path: path.count("{"))
    return tuple((re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path)), path) for path in paths)


@cache
def validator(*pointer: str) -> Draft4Validator:
    """For the schema at a place of the specification, e.g. ("components", "schemas", "Post")."""
    place = "/".join(quote(part.replace("~", "~0").replace("/", "~1"), safe="~") for part in pointer)
    return Draft4Validator({"$ref": f"{_NAME}#/{place}"}, registry=_registry())


def operation(method: str, path: str) -> tuple[str, str] | None:
    """The path and method under which the specification knows a request; None when it does not."""
    for pattern, listed in _patterns():
        if pattern.fullmatch(path) and method.lower() in specification()["paths"][listed]:
            return listed, method.lower()
    return None


def violations(request: Request) -> Iterator[str]:
    """Everything in which a request does not fit, without its contents."""
    what = f"{request.method} {request.path}"
    known = operation(request.method, request.path)
    if known is None:
        if not any(re.fullmatch(pattern, what) for pattern in UNLISTED):
            yield f"{what}: no such operation"
        return
    described = specification()["paths"][known[0]][known[1]]
    yield from _of_query(request, described)
    body = described.get("requestBody")
    if body is None:
        if request.body:
            yield f"{what}: a body where there is none"
        return
    place = ("paths", *known, "requestBody", "content", "application/json", "schema")
    value = request.json()
    if value is None:
        yield f"{what}: the body is no JSON"
        return
    for error in validator(*place).iter_errors(value):
        if (known[0], error.json_path) in DIFFERENT:
            continue
        yield f"{what}: {error.json_path} is not as {'/'.join(map(str, error.schema_path))} wants it"


def _of_query(request: Request, described: Mapping[str, Any]) -> Iterator[str]:
    what, query = f"{request.method} {request.path}", request.query
    known = {one["name"]: one for one in described.get("parameters", ()) if one["in"] == "query"}
    for name, value in query.items():
        if name in UNNAMED.get(request.path, ()):
            continue
        kind = known[name]["schema"]["type"] if name in known else ""
        fits = {"integer": r"-?\d+", "boolean": "true|false", "string": ".*", "": "(?!)"}[kind]
        if not re.fullmatch(fits, value, re.DOTALL):
            yield f"{what}: the query's {name} is {'no ' + kind if kind else 'not known'}"
    for name, one in known.items():
        if one.get("required") and name not in query:
            yield f"{what}: the query lacks {name}"
