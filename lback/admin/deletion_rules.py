"""Permissions for deletions: each dependent row is checked as if it was deleted by itself."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy.orm import object_session

from lback.admin.access import registry_of, user_of
from lback.admin.registered_model import RegisteredModel
from lback.auth import policies
from lback.auth.dependants import DELETED, EMPTIED, MAX_ROWS, Dependants
from lback.forms.labels import name_in_sentence

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.users import AdminUser

# Effect of a deletion on a dependent row to the permission that the user needs for that row.
WRITTEN_BY = {DELETED: "delete", EMPTIED: "change"}


def forbidden_rows(request: "Request", found: Sequence[Dependants]) -> list[str]:
    """Return the names of dependent rows that the user may not change or delete.

    Labels of rows that the user may not view are removed from `found`.

    Args:
        request: The request; its admin user is checked.
        found: Rows that depend on the rows to delete.

    Returns:
        Sorted plural labels; empty if the deletion is permitted.
    """
    registry, user = registry_of(request), user_of(request)
    names = set()
    for dependants in (inner for top in found for inner in top.all() if inner.model is not None):
        assert dependants.model is not None  # noqa: S101  for the type checker
        registered = registry.get_registered_model(dependants.model)
        action = WRITTEN_BY.get(dependants.effect)
        hides_some = not _all_seen(registered, user, dependants)
        if hides_some:
            dependants.labels = []
        if action is None:
            continue
        if hides_some or not all(
            _may(registered, user, action, row) for row in (None, *dependants.rows)
        ):
            names.add(
                str(registered.label_plural)
                if registered is not None
                else name_in_sentence(dependants.name)
            )
    return sorted(names)


def _all_seen(
    registered: RegisteredModel | None, user: "AdminUser", dependants: Dependants
) -> bool:
    if not dependants.rows:
        return True
    session = object_session(dependants.rows[0])
    seen = policies.readable(session, user, dependants.rows) if session is not None else []
    if registered is not None:
        seen = registered.visible(user, seen) if registered.has_permission(user, "view") else []
    assert dependants.model is not None  # noqa: S101  for the type checker
    # Rows beyond MAX_ROWS were not read, so that their policies could not be checked.
    is_ruled = policies.policy_of(dependants.model) is not None or bool(
        registered and registered.has_row_rule
    )
    return len(seen) == len(dependants.rows) and (dependants.count <= MAX_ROWS or not is_ruled)


def _may(registered: RegisteredModel | None, user: "AdminUser", action: str, row: object) -> bool:
    if registered is not None:
        return registered.has_permission(user, action, row)
    return row is None or policies.allows(user, action, row)
