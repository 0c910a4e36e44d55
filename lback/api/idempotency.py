"""The `Idempotency-Key` header field: a POST that is repeated is done once."""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from lback.api.problems import Problem
from lback.core.app_controller import is_authenticated
from lback.core.response import Response
from lback.core.routing.endpoint import Endpoint, add_surround, response_of

if TYPE_CHECKING:
    from lback.api.idempotency_keys import IdempotencyKeys
    from lback.core.request import Request

V = TypeVar("V", bound=Callable[..., object])

FIELD = "Idempotency-Key"
DAY = timedelta(days=1)

_KEY = re.compile(r'"([\x20\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')
_MISSING = f"Send the header field {FIELD} with a value that is new for each request, as a UUID is."
_MALFORMED = f"{FIELD} is 1 to 255 printable ASCII characters, with or without double quotes."


def idempotent(*, required: bool = False, max_age: timedelta = DAY) -> Callable[[V], V]:
    """Decorate a view so that a request that is repeated with its `Idempotency-Key` is done once.

    The first request runs the view. Repetitions by the same caller get the same answer, with
    `Idempotency-Replayed: true`; 422 if the body or the URL is another one, and 409 while the first
    one runs. A request that is answered with an error does nothing and may be repeated.

    The answer is stored in the transaction of the request, together with its changes. The view must
    leave the commit to the framework, and answer with a complete body.

    Args:
        required: True to refuse requests without the field (400).
        max_age: For how long the answer is kept.

    Example:
        >>> from lback.api import idempotent
        >>> @idempotent(required=True)
        ... def pay(request):
        ...     return {"paid": True}, 201
        >>> app.add_route("/payments", pay, ["POST"], requires_auth=False)
        >>> Client(app).post("/payments").status_code
        400
    """

    def surround(endpoint: Endpoint, view: Callable[..., object]) -> Endpoint:
        def once(request: "Request", params: dict[str, object]) -> Response:
            def run() -> Response:
                return response_of(endpoint(request, params), view)

            return run_once(request, run, required=required, max_age=max_age)

        return once

    return lambda view: add_surround(view, surround)


def run_once(
    request: "Request",
    run: Callable[[], Response],
    *,
    required: bool = False,
    max_age: timedelta = DAY,
) -> Response:
    """Run a request unless its key says that it was run before; see `idempotent`.

    Args:
        request: The request.
        run: Does the work with `request.db_session` and returns the response.
        required: True to refuse requests without the field (400).
        max_age: For how long the answer is kept.

    Raises:
        Problem: 400 if the field is malformed, or required and missing; 409 while the first request
            runs; 422 if it was another one.
    """
    field = request.get_header(FIELD)
    if field is None:
        if required:
            raise Problem(400, detail=_MISSING)
        return run()
    found = _KEY.fullmatch(field.strip())
    if found is None:
        raise Problem(400, detail=_MALFORMED)
    keys: IdempotencyKeys = request.get_service("idempotency_keys")
    key = _digest(_caller(request), found[1] or found[2])
    claim = keys.begin(key, _fingerprint(request), max_age.total_seconds())
    if isinstance(claim, Response):
        return claim
    done = False
    try:
        response = run()
        if response.status_code < 400:
            keys.finish(request.db_session, claim, response)
            done = True
        return response
    finally:
        if not done:
            if request.active_session is not None:
                # Nothing of it is committed. SQLite lets no other transaction write before.
                request.active_session.rollback()
            keys.release(claim)


def _caller(request: "Request") -> str:
    user: Any = request.user
    if not is_authenticated(user):
        return f"anonymous {request.client_address}"
    return f"{type(user).__module__}.{type(user).__qualname__} {getattr(user, 'id', user)}"


def _fingerprint(request: "Request") -> str:
    query = str(request.environ.get("QUERY_STRING") or "")
    return _digest(str(request.method), request.raw_path, query, request.body_bytes)


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(b"%d:%b" % (len(data), data))
    return digest.hexdigest()
