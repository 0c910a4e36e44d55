"""Typed views: input from annotations, validated answers, and errors as problem details."""

from typing import TYPE_CHECKING

from lback.lazy_names import lazy_names

if TYPE_CHECKING:
    from lback.api.answers import AnswerError
    from lback.api.changes import breaking_changes
    from lback.api.deprecation import deprecated
    from lback.api.descriptions import Answer, Operation, Parameter, RequestBody
    from lback.api.documented import describe
    from lback.api.filter_fields import (
        Equal,
        FilterField,
        FullText,
        In,
        IsNull,
        Ordering,
        Prefix,
        Range,
    )
    from lback.api.filters import Filter
    from lback.api.idempotency import idempotent
    from lback.api.json_merge_patch import merge_patch
    from lback.api.list_pages import NumberedPage, Page
    from lback.api.markers import Body, Cookie, Event, File, Form, Header, Path, Query, Status
    from lback.api.mcp import mcp_endpoint
    from lback.api.model_struct import ModelStruct
    from lback.api.openapi import OpenAPI
    from lback.api.operations import operations_of
    from lback.api.problems import InputError, InvalidInput, Problem
    from lback.api.resource import PUBLIC, SIGNED_IN, Resource
    from lback.api.webhooks import Webhook

__all__ = [
    "PUBLIC",
    "SIGNED_IN",
    "Answer",
    "AnswerError",
    "Body",
    "Cookie",
    "Equal",
    "Event",
    "File",
    "Filter",
    "FilterField",
    "Form",
    "FullText",
    "Header",
    "In",
    "InputError",
    "InvalidInput",
    "IsNull",
    "ModelStruct",
    "NumberedPage",
    "OpenAPI",
    "Operation",
    "Ordering",
    "Page",
    "Parameter",
    "Path",
    "Prefix",
    "Problem",
    "Query",
    "Range",
    "RequestBody",
    "Resource",
    "Status",
    "Webhook",
    "breaking_changes",
    "deprecated",
    "describe",
    "idempotent",
    "mcp_endpoint",
    "merge_patch",
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
        "Equal": "lback.api.filter_fields",
        "Filter": "lback.api.filters",
        "FilterField": "lback.api.filter_fields",
        "FullText": "lback.api.filter_fields",
        "In": "lback.api.filter_fields",
        **dict.fromkeys(("PUBLIC", "Resource", "SIGNED_IN"), "lback.api.resource"),
        "IsNull": "lback.api.filter_fields",
        "Webhook": "lback.api.webhooks",
        "NumberedPage": "lback.api.list_pages",
        "Ordering": "lback.api.filter_fields",
        "Page": "lback.api.list_pages",
        "Prefix": "lback.api.filter_fields",
        "Range": "lback.api.filter_fields",
        "deprecated": "lback.api.deprecation",
        "idempotent": "lback.api.idempotency",
        "mcp_endpoint": "lback.api.mcp",
        "merge_patch": "lback.api.json_merge_patch",
    },
)
