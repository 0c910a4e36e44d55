"""Lback: one graph of plain objects, one straight walk for every request."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lback.application import Application
    from lback.core.base_middleware import BaseMiddleware
    from lback.core.config import Config
    from lback.core.dispatcher_instance import dispatcher
    from lback.core.exceptions import (
        BadRequest,
        ConfigurationError,
        Forbidden,
        HTTPException,
        MethodNotAllowed,
        NotFound,
        ServerError,
        Unauthorized,
        ValidationError,
    )
    from lback.core.file_response import FileResponse
    from lback.core.request import Request
    from lback.core.response import HTMLResponse, JSONResponse, RedirectResponse, Response
    from lback.core.streaming import StreamingResponse
    from lback.core.uploaded_file import UploadedFile
    from lback.core.urls_utils import include, path
    from lback.shortcuts import redirect, render, reverse

__version__ = "0.1.0"

__all__ = [
    "Application",
    "BadRequest",
    "BaseMiddleware",
    "Config",
    "ConfigurationError",
    "FileResponse",
    "Forbidden",
    "HTMLResponse",
    "HTTPException",
    "JSONResponse",
    "MethodNotAllowed",
    "NotFound",
    "RedirectResponse",
    "Request",
    "Response",
    "ServerError",
    "StreamingResponse",
    "Unauthorized",
    "UploadedFile",
    "ValidationError",
    "dispatcher",
    "include",
    "path",
    "redirect",
    "render",
    "reverse",
]

# Where the names are that `lback.core` does not export itself.
_ELSEWHERE = {
    "Application": "lback.application",
    "FileResponse": "lback.core.file_response",
    "StreamingResponse": "lback.core.streaming",
    "path": "lback.core.urls_utils",
    "redirect": "lback.shortcuts",
    "render": "lback.shortcuts",
    "reverse": "lback.shortcuts",
}


def __getattr__(name: str) -> Any:
    # Each name is imported when it is first asked for. `Application` brings the database library,
    # 120 ms, and the core brings 100 ms, which the help of the command line need not wait for.
    if name not in __all__:
        raise AttributeError(f"module 'lback' has no attribute {name!r}")
    found = getattr(import_module(_ELSEWHERE.get(name, "lback.core")), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
