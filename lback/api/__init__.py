"""Typed views: input from annotations, validated answers, and errors as problem details."""

from typing import TYPE_CHECKING

from lback.lazy_names import lazy_names

if TYPE_CHECKING:
    from lback.api.answers import AnswerError
    from lback.api.changes import breaking_changes
    from lback.api.descriptions import Answer, Operation, Parameter, RequestBody
    from lback.api.documented import describe
    from lback.api.markers import Body, Cookie, Event, File, Form, Header, Path, Query, Status
    from lback.api.model_struct import ModelStruct
    from lback.api.openapi import OpenAPI
    from lback.api.operations import operations_of
    from lback.api.problems import InputError, InvalidInput, Problem

__all__ = [
    "Answer",
    "AnswerError",
    "Body",
    "Cookie",
    "Event",
    "File",
    "Form",
    "Header",
    "InputError",
    "InvalidInput",
    "ModelStruct",
    "OpenAPI",
    "Operation",
    "Parameter",
    "Path",
    "Problem",
    "Query",
    "RequestBody",
    "Status",
    "breaking_changes",
    "describe",
    "operations_of",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Answer": "lback.api.descriptions",
        "AnswerError": "lback.api.answers",
        **dict.fromkeys(
            ("Body", "Cookie", "Event", "File", "Form", "Header", "Path", "Query", "Status"),
            "lback.api.markers",
        ),
        "InputError": "lback.api.problems",
        "InvalidInput": "lback.api.problems",
        "ModelStruct": "lback.api.model_struct",
        "OpenAPI": "lback.api.openapi",
        "Operation": "lback.api.descriptions",
        "Parameter": "lback.api.descriptions",
        "Problem": "lback.api.problems",
        "RequestBody": "lback.api.descriptions",
        "breaking_changes": "lback.api.changes",
        "describe": "lback.api.documented",
        "operations_of": "lback.api.operations",
    },
)
