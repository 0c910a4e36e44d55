"""Idle hooks: those that hand back what they were given, found when a middleware is added.

`BaseMiddleware` wants both hooks, and many a middleware has something to do in one of them only.
A hook that is read here and never called costs a request nothing.
"""

import dis
from types import CodeType, MethodType
from typing import Any


class _Idle:
    def process_request(self, request: Any) -> None:  # noqa: ARG002  the signature of a hook
        return None

    def process_response(self, request: Any, response: Any) -> Any:  # noqa: ARG002  as above
        return response


def _instructions(code: CodeType) -> list[tuple[str, object]]:
    # Names of parameters and places of constants differ; what is done with them does not.
    return [
        (step.opname, step.arg if step.opname.startswith("LOAD_FAST") else step.argval)
        for step in dis.get_instructions(code)
    ]


_IDLE_HOOKS = {
    name: (code.co_argcount, _instructions(code))
    for name, code in (
        ("process_request", _Idle.process_request.__code__),
        ("process_response", _Idle.process_response.__code__),
    )
}


def is_idle(hook: Any, name: str) -> bool:
    """Tell whether a bound hook does nothing but return `None`, or the response it was given.

    Args:
        hook: The bound method.
        name: "process_request" or "process_response".
    """
    code = getattr(hook.__func__, "__code__", None) if isinstance(hook, MethodType) else None
    return (
        isinstance(code, CodeType) and (code.co_argcount, _instructions(code)) == _IDLE_HOOKS[name]
    )
