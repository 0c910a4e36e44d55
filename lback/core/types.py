"""The types of a request and its parts, collected from the modules that define them."""

from lback.core.http.app_session import AppSession
from lback.core.http.methods import HTTPMethod
from lback.core.http.multidict import MultiDict
from lback.core.http.uploaded_file import UploadedFile
from lback.core.request import Request
from lback.core.routing.converters import (
    IntegerConverter,
    TypeConverter,
    UUIDConverter,
    register_converter,
)

__all__ = [
    "AppSession",
    "HTTPMethod",
    "IntegerConverter",
    "MultiDict",
    "Request",
    "TypeConverter",
    "UUIDConverter",
    "UploadedFile",
    "register_converter",
]
