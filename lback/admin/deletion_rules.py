"""Who may delete what depends on a row: each dependent row is asked about, as if by itself."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import object_session

from lback.admin.access import registry_of, user_of
from lback.admin.deletion import DELETED, EMPTIED, MAX_ROWS, Dependants
from lback.admin.registered_model import RegisteredModel
from lback.auth import policies

if TYPE_CHECKING:
    from lback.core.request import Request

# What deleting a row does to those that refer to it, and what the user must be allowed for it.
WRITTEN_BY = {DELETED: "delete", EMPTIED: "change"}


def forbidden_rows(request: "Request", found: Sequence[Dependants]) -> list[str]:
    """Return the names of what would be written as well and the user may not write.

    The labels of rows that the user may not see are taken out of `found`.

    Args:
        request: Who asks.
        found: What depends on the rows that are to be deleted.
    """
    registry, user = registry_of(request), user_of(request)
    names = set()
    for one in (inner for top in found for inner in top.all() if inner.model is not None):
        assert one.model is not None  # noqa: S101  for the type checker
        section, action = registry.get_registered_model(one.model), WRITTEN_BY.get(one.effect)
        hides_some = not _all_seen(section, user, one)
        if hides_some:
            one.labels = []
        if action is None:
            continue
        if hides_some or not all(_may(section, user, action, row) for row in (None, *one.rows)):
            names.add(section.label_plural if section is not None else one.name)
    return sorted(names)


def _all_seen(section: RegisteredModel | None, user: Any, one: Dependants) -> bool:
    if not one.rows:
        return True
    session = object_session(one.rows[0])
    seen = policies.readable(session, user, one.rows) if session is not None else []
    if section is not None:
        seen = section.visible(user, seen) if section.has_permission(user, "view") else []
    assert one.model is not None  # noqa: S101  for the type checker
    # Of more rows than were read nothing is known.
    is_ruled = policies.policy_of(one.model) is not None or bool(section and section.has_row_rule)
    return len(seen) == len(one.rows) and (one.count <= MAX_ROWS or not is_ruled)


def _may(section: RegisteredModel | None, user: Any, action: str, row: Any) -> bool:
    if section is not None:
        return section.has_permission(user, action, row)
    return row is None or policies.allows(user, action, row)
