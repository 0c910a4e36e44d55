"""Views of the list of a registered model: page, autocomplete search and export."""

import csv
import io
import json
import unicodedata
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from lback.admin.access import get_registered_model, guarded, user_of
from lback.admin.autocomplete import search_rows
from lback.admin.columns import Column, shown
from lback.admin.filters import MAX_OPTIONS, span_of
from lback.admin.history import source_text
from lback.admin.listing import Listing
from lback.admin.options import label_of_action, needs_confirmation
from lback.admin.page import page
from lback.admin.registered_model import RegisteredModel
from lback.auth import policies
from lback.core.exceptions import ConfigurationError, Forbidden, NotFound
from lback.core.response import Response, json_encode
from lback.core.streaming import StreamingResponse
from lback.time_zones import localtime, today
from lback.translation import SOURCE_LANGUAGE, gettext, language

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.core.request import Request
    from lback.database import DatabaseManager
    from lback.users import AdminUser

EXPORT_BATCH = 500
EXPORT_MAXIMUM = 1_000_000
YEARS_SHOWN = 12


@guarded
def show_list(request: "Request", section: str, db_session: "Session") -> Response:
    """Show one page of the list.

    Args:
        request: The request; search, filters, sort and page are query parameters.
        section: Slug of the registered model.
        db_session: Injected database session.

    Raises:
        NotFound: The model does not exist, or the user may not view it.
        Forbidden: The user may not view the rows.
    """
    registered, user = get_registered_model(request, section), user_of(request)
    listing = Listing(registered, request.GET, db_session, user)
    return page(
        request,
        "list.html",
        title=registered.label_plural,
        section=registered,
        listing=listing,
        page=listing.page(),
        count=listing.count,
        filters=_shown_filters(listing),
        dates=_dates(listing),
        actions=_actions(registered, user),
        may_add=registered.has_permission(user, "add"),
    )


def _actions(registered: RegisteredModel, user: "AdminUser") -> list[tuple[str, str, bool]]:
    found = []
    if registered.has_permission(user, "change"):
        found = [
            (name, _label(method, name), needs_confirmation(method))
            for name, method in registered.actions.items()
        ]
    if registered.has_permission(user, "delete"):
        found.append(("delete", gettext("Delete"), True))
    return found


def _label(method: object, name: str) -> str:
    return gettext(source_text(label_of_action(method) or name))


def _shown_filters(listing: Listing) -> list[dict[str, object]]:
    found = []
    for name, item in listing.registered.filters.items():
        chosen = listing.chosen[name][1] if name in listing.chosen else ""
        choices = None if item.choices is None else item.choices(listing.session, listing.user)
        if choices is not None and len(choices) > MAX_OPTIONS:
            choices = None  # too many for a select list: the user enters the key
        found.append({"item": item, "chosen": chosen, "choices": choices})
    return found


def _dates(listing: Listing) -> dict[str, object] | None:
    """Return the links of the date hierarchy: the current span, the one above, those below."""
    options = listing.registered.options
    if not options.date_hierarchy:
        return None
    span = span_of(listing.date) if listing.date else None
    if span is None:
        return {"here": "", "up": None, "down": _years(listing)}
    parts = listing.date.split("-")
    down: list[str] = []
    if len(parts) == 1:
        down = [f"{span[0].year:04}-{month:02}" for month in range(1, 13)]
    elif len(parts) == 2:
        days = monthrange(span[0].year, span[0].month)[1]
        down = [f"{span[0].isoformat()[:7]}-{day:02}" for day in range(1, days + 1)]
    return {"here": listing.date, "up": "-".join(parts[:-1]), "down": down}


def _years(listing: Listing) -> list[str]:
    column = listing.registered.column(
        listing.registered.options.date_hierarchy, "date_hierarchy"
    ).sort
    if listing.registered.has_scope:
        ends = listing.registered.rows(listing.user).order_by(None)
        ends = ends.with_only_columns(func.min(column), func.max(column))
    else:
        # Reads the two ends of an index; listing the years would read all of it.
        ends = select(
            select(func.min(column)).scalar_subquery(), select(func.max(column)).scalar_subquery()
        )
    first, last = listing.session.execute(ends).one()
    if first is None:
        return []
    years = range(_year_of(first), _year_of(last) + 1)
    return [f"{year:04}" for year in years[-YEARS_SHOWN:]]


def _year_of(value: date) -> int:
    return localtime(value).year if isinstance(value, datetime) else value.year


@guarded
def find(request: "Request", section: str, db_session: "Session") -> Response:
    """Return the rows that match the parameter `q` as JSON, for autocomplete.

    Args:
        request: The request.
        section: Slug of the registered model.
        db_session: Injected database session.

    Raises:
        NotFound: The model does not exist, or the user may not view it.
        Forbidden: The user may not view the rows.
    """
    registered = get_registered_model(request, section)
    text = request.GET.get("q", "")
    user = user_of(request)
    rows = search_rows(db_session, registered, user, text if isinstance(text, str) else "")
    return Response(json_encode({"rows": rows}), 200, None, "application/json; charset=utf-8")


# Exports.


@guarded
def export(request: "Request", section: str, kind: str) -> Response:
    """Stream all rows that match the query string as CSV or JSON.

    Args:
        request: The request; search, filters and sort are query parameters.
        section: Slug of the registered model.
        kind: "csv" or "json".

    Raises:
        NotFound: The model or the format does not exist, or the user may not view the model.
        Forbidden: The user may not view the rows, or they cannot be exported.
        ConfigurationError: The application has no database.
    """
    registered = get_registered_model(request, section)
    if not registered.export_columns:
        raise Forbidden(gettext("These rows cannot be exported."))
    if kind not in WRITERS:
        raise NotFound
    database = request.get_context("db_manager")
    if database is None:
        raise ConfigurationError(
            "the export needs a database, which this application does not have"
        )
    content_type, write = WRITERS[kind]
    filename = f"{registered.slug}-{today()}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    rows = _exported(database, registered, dict(request.GET), user_of(request))
    return StreamingResponse(write(registered, rows), 200, headers, content_type)


def _exported(
    database: "DatabaseManager", registered: RegisteredModel, query: Mapping[str, object], user: Any
) -> Iterator[list[object]]:
    with database.create_session() as session:
        if policies.exist() or registered.has_row_rule:
            # The session of the request is closed by now, and rules may read the user's roles.
            user = session.get(type(user), user.id)
        listing = Listing(registered, query, session, user)
        for batch in listing.batches(EXPORT_BATCH, EXPORT_MAXIMUM):
            for row in batch:
                yield [
                    _exported_value(listing, column, row) for column in registered.export_columns
                ]


def _exported_value(listing: Listing, column: Column, row: object) -> object:
    return None if listing.registered.is_secret(column.name) else listing.value(column, row)


def _csv(registered: RegisteredModel, rows: Iterator[list[object]]) -> Iterator[str]:
    yield _line([source_text(column.label) for column in registered.export_columns])
    for row in rows:
        yield _line(["" if value is None else _exact(value) for value in row])


def _line(values: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([_harmless(value) for value in values])
    return buffer.getvalue()


def _harmless(text: str) -> str:
    # Spreadsheet programs run a cell that begins with one of these as a formula, some also in full
    # width, and after white space or control characters.
    begins = unicodedata.normalize("NFKC", text.lstrip()[:1])
    risky = text[:1] in ("\t", "\r", "\n") or begins in ("=", "+", "-", "@")
    return f"'{text}" if risky and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _json(registered: RegisteredModel, rows: Iterator[list[object]]) -> Iterator[str]:
    names = [column.name for column in registered.export_columns]
    yield "["
    for number, row in enumerate(rows):
        values = {name: _json_value(value) for name, value in zip(names, row, strict=True)}
        yield f"{',' if number else ''}\n{json.dumps(values, ensure_ascii=False)}"
    yield "\n]\n"


def _json_value(value: object) -> object:
    plain = isinstance(value, (str, int, float, bool, list, dict, type(None)))
    return value if plain else _exact(value)


def _exact(value: object) -> str:
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)  # as it is stored
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    with language(SOURCE_LANGUAGE):  # data for programs, the same for every reader
        return shown(value)


WRITERS = {
    "csv": ("text/csv; charset=utf-8", _csv),
    "json": ("application/json; charset=utf-8", _json),
}
