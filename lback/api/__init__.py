"""Typed views: input from annotations, validated answers, and errors as problem details."""

from typing import TYPE_CHECKING

from lback.lazy_names import lazy_names

if TYPE_CHECKING:
    from lback.api.deprecation import deprecated as deprecated
    from lback.api.filter_fields import Equal as Equal
    from lback.api.filter_fields import FilterField as FilterField
    from lback.api.filter_fields import FullText as FullText
    from lback.api.filter_fields import In as In
    from lback.api.filter_fields import IsNull as IsNull
    from lback.api.filter_fields import Ordering as Ordering
    from lback.api.filter_fields import Prefix as Prefix
    from lback.api.filter_fields import Range as Range
    from lback.api.filters import Filter as Filter
    from lback.api.idempotency import idempotent as idempotent
    from lback.api.json_merge_patch import merge_patch as merge_patch
    from lback.api.operations import Answer as Answer
    from lback.api.operations import Operation as Operation
    from lback.api.operations import Parameter as Parameter
    from lback.api.operations import RequestBody as RequestBody
    from lback.api.operations import operations_of as operations_of
    from lback.api.pages import NumberedPage as NumberedPage
    from lback.api.pages import Page as Page
    from lback.api.problems import InputError as InputError
    from lback.api.problems import InvalidInput as InvalidInput
    from lback.api.problems import Problem as Problem

_MODULES = {
    "Answer": "lback.api.operations",
    "Equal": "lback.api.filter_fields",
    "Filter": "lback.api.filters",
    "FilterField": "lback.api.filter_fields",
    "FullText": "lback.api.filter_fields",
    "In": "lback.api.filter_fields",
    "InputError": "lback.api.problems",
    "InvalidInput": "lback.api.problems",
    "IsNull": "lback.api.filter_fields",
    "NumberedPage": "lback.api.pages",
    "Operation": "lback.api.operations",
    "Ordering": "lback.api.filter_fields",
    "Page": "lback.api.pages",
    "Parameter": "lback.api.operations",
    "Prefix": "lback.api.filter_fields",
    "Problem": "lback.api.problems",
    "Range": "lback.api.filter_fields",
    "RequestBody": "lback.api.operations",
    "deprecated": "lback.api.deprecation",
    "idempotent": "lback.api.idempotency",
    "merge_patch": "lback.api.json_merge_patch",
    "operations_of": "lback.api.operations",
}

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
    "Operation",
    "Parameter",
    "Path",
    "Problem",
    "Query",
    "RequestBody",
    "Status",
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
        "Operation": "lback.api.descriptions",
        "Parameter": "lback.api.descriptions",
        "Problem": "lback.api.problems",
        "RequestBody": "lback.api.descriptions",
        "operations_of": "lback.api.operations",
    },
)
