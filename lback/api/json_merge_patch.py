"""JSON Merge Patch (RFC 7396): a document that names what to change in another one."""

from collections.abc import Mapping
from typing import Any

MERGE_PATCH = "application/merge-patch+json"


def merge_patch(target: object, patch: object) -> Any:
    """Return a JSON document changed by a merge patch (RFC 7396 section 2).

    Members of the patch replace those of the document, objects are merged, and a member that is
    null in the patch is removed. A patch other than an object replaces the whole document, and a
    list a whole list. Neither argument is changed.

    Args:
        target: The document: of dicts, lists, text, numbers, booleans and None.
        patch: The patch, of the same.

    Example:
        >>> from lback.api import merge_patch
        >>> merge_patch({"title": "Emma", "year": 1815}, {"title": "Evelina", "year": None})
        {'title': 'Evelina'}
    """
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged
