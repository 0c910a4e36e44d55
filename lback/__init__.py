"""Lback: one graph of plain objects, one straight walk for every request."""

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from lback.application import Application

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


def __getattr__(name: str) -> Any:
    # `Application` knows every room and so imports the database library: 120 ms that
    # `import lback.core`, a command line or a worker that is about to fork need not wait for.
    if name == "Application":
        from lback.application import Application

        globals()[name] = Application
        return Application
    raise AttributeError(f"module 'lback' has no attribute {name!r}")
