"""The types that a request is made of: one door to the rooms they live in."""

from lback.core.app_session import AppSession
from lback.core.converters import (
    IntegerConverter,
    TypeConverter,
    UUIDConverter,
    register_converter,
)
from lback.core.http_method import HTTPMethod
from lback.core.multidict import MultiDict
from lback.core.request import Request
from lback.core.uploaded_file import UploadedFile

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
