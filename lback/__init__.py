"""Lback, a web framework for WSGI: routing, templates, database, forms, accounts and an admin."""

from typing import TYPE_CHECKING

from lback import moved_modules
from lback.lazy_names import lazy_names

if TYPE_CHECKING:
    from lback.application import Application
    from lback.core.base_middleware import BaseMiddleware, SimpleMiddleware
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
    from lback.core.http.uploaded_file import UploadedFile
    from lback.core.request import Request
    from lback.core.response import HTMLResponse, JSONResponse, RedirectResponse, Response
    from lback.core.streaming import StreamingResponse
    from lback.core.unit_of_work import after_commit
    from lback.core.urls_utils import include, path, websocket
    from lback.shortcuts import get_object_or_404, redirect, render, reverse

__version__ = "0.1.0"

moved_modules.install()

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
    "SimpleMiddleware",
    "StreamingResponse",
    "Unauthorized",
    "UploadedFile",
    "ValidationError",
    "after_commit",
    "dispatcher",
    "get_object_or_404",
    "include",
    "path",
    "redirect",
    "render",
    "reverse",
    "websocket",
]

# Imported on first use: importing the core takes 100 ms, which the command line help should not
# wait for.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Application": "lback.application",
        "BadRequest": "lback.core.exceptions",
        "BaseMiddleware": "lback.core.base_middleware",
        "Config": "lback.core.config",
        "ConfigurationError": "lback.core.exceptions",
        "FileResponse": "lback.core.file_response",
        "Forbidden": "lback.core.exceptions",
        "HTMLResponse": "lback.core.response",
        "HTTPException": "lback.core.exceptions",
        "JSONResponse": "lback.core.response",
        "MethodNotAllowed": "lback.core.exceptions",
        "NotFound": "lback.core.exceptions",
        "RedirectResponse": "lback.core.response",
        "Request": "lback.core.request",
        "Response": "lback.core.response",
        "ServerError": "lback.core.exceptions",
        "SimpleMiddleware": "lback.core.base_middleware",
        "StreamingResponse": "lback.core.streaming",
        "Unauthorized": "lback.core.exceptions",
        "UploadedFile": "lback.core.http.uploaded_file",
        "ValidationError": "lback.core.exceptions",
        "after_commit": "lback.core.unit_of_work",
        "dispatcher": "lback.core.dispatcher_instance",
        "include": "lback.core.urls_utils",
        "path": "lback.core.urls_utils",
        "get_object_or_404": "lback.shortcuts",
        "redirect": "lback.shortcuts",
        "render": "lback.shortcuts",
        "reverse": "lback.shortcuts",
        "websocket": "lback.core.urls_utils",
    },
)
