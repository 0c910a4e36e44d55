"""Bodies of resources: structs of rows, merge patches, and the structs derived for them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Union

import msgspec
from msgspec import UNSET, UnsetType

from lback.api.bodies import check_media_type, read_json
from lback.api.column_limits import LIMITS, checked_members
from lback.api.descriptions import JSON
from lback.api.json_merge_patch import MERGE_PATCH, merge_patch
from lback.api.messages import message
from lback.api.problems import InvalidInput
from lback.api.row_structs import StructClass
from lback.core.exceptions import BadRequest, HTTPException
from lback.core.http.json_decoding import parse_json

if TYPE_CHECKING:
    from lback.core.request import Request

PATCH_TYPES = (MERGE_PATCH, JSON)
# RFC 5789 section 3.1.
ACCEPT_PATCH = {"Accept-Patch": ", ".join(PATCH_TYPES)}


def patch_struct(struct: StructClass) -> StructClass:
    """Return a struct with the fields of another one, each of which may be missing.

    Args:
        struct: The struct that replaces a row.
    """
    fields: list[Any] = [
        (
            field.name,
            Union[field.type, UnsetType],  # noqa: UP007  the type is known at run time only
            msgspec.field(default=UNSET, name=field.encode_name),
        )
        for field in msgspec.structs.fields(struct)
    ]
    return msgspec.defstruct(
        f"{struct.__name__}Patch", fields, module=struct.__module__, forbid_unknown_fields=True,
        kw_only=True, namespace=checked_members(getattr(struct, LIMITS, {})),
    )  # fmt: skip


class PatchReader:
    """Reads a merge patch as a struct in which what the patch does not name is unset.

    Args:
        struct: The struct of the patch.
        defaults: The struct that replaces a row. Null stands for the default of a field whose type
            does not allow None.
        max_depth: Maximum nesting of arrays and objects.
    """

    def __init__(self, struct: StructClass, defaults: StructClass | None, max_depth: int) -> None:
        self._struct = struct
        self._max_depth = max_depth
        self._fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
        fields = () if defaults is None else msgspec.structs.fields(defaults)
        self._defaults = {field.encode_name: field for field in fields if not field.required}

    def read(self, request: "Request", row: object) -> dict[str, object]:
        """Return the new values by attribute.

        Args:
            request: The request, with the patch as its body.
            row: The row, whose objects are merged with those of the patch.

        Raises:
            BadRequest: The body is not JSON.
            HTTPException: 415 for another media type.
            InvalidInput: The patch does not fit the struct.
        """
        try:
            check_media_type(request, PATCH_TYPES)
        except HTTPException as error:
            error.headers = {**error.headers, **ACCEPT_PATCH}
            raise
        patch = self._members(request)
        merged = {name: self._merged(name, raw, row) for name, raw in patch.items()}
        value = read_json(msgspec.json.encode(merged), self._struct, self._max_depth)
        found = {self._fields[name].name for name in patch}
        return {name: getattr(value, name) for name in found}

    def _members(self, request: "Request") -> dict[str, msgspec.Raw]:
        body = request.body_bytes
        if not body:
            raise BadRequest("The body is missing; send a JSON object.")
        if not isinstance(parse_json(body, self._max_depth), dict):
            text = "Must be an object with the members to change."
            raise InvalidInput([{"pointer": "", "detail": text, "code": "type"}])
        # Numbers stay as they were written until they are read as their types.
        members = msgspec.json.decode(
            body.removeprefix(b"\xef\xbb\xbf"), type=dict[str, msgspec.Raw]
        )
        unknown = [name for name in members if name not in self._fields]
        if unknown:
            raise InvalidInput(
                [
                    {
                        "pointer": f"/{_escaped(name)}",
                        "detail": message("unknown"),
                        "code": "unknown",
                    }
                    for name in unknown
                ]
            )
        return members

    def _merged(self, name: str, raw: msgspec.Raw, row: object) -> object:
        text = bytes(raw).strip()
        field = self._fields[name]
        if text == b"null":
            default = self._defaults.get(name)
            if default is None or _allows_none(field.type):
                return None
            return _default(default)
        if text[:1] != b"{":
            return raw
        current = getattr(row, field.name, None)
        return merge_patch(
            current if isinstance(current, Mapping) else {}, msgspec.json.decode(text)
        )


def _default(field: Any) -> object:
    made = field.default_factory
    return field.default if made is msgspec.NODEFAULT else made()


def _allows_none(annotation: Any) -> bool:
    try:
        msgspec.convert(None, annotation)
    except msgspec.ValidationError:
        return False
    return True


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")[:100]
