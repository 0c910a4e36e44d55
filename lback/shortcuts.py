"""Shortcuts for views: `render`, `redirect`, `reverse` and `get_object_or_404`."""

from typing import TYPE_CHECKING, Any, TypeVar, overload

from lback.core.exceptions import NotFound
from lback.core.response import HTMLResponse, RedirectResponse
from lback.translation import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from lback.core.http.headers import HeaderValue
    from lback.core.request import Request
    from lback.core.router import Router

T = TypeVar("T")

_ABSENT = object()


def render(
    request: "Request",
    template_name: str,
    *,
    status_code: int = 200,
    headers: "Mapping[str, HeaderValue] | None" = None,
    **context: object,
) -> HTMLResponse:
    """Render a template to an `HTMLResponse`.

    Args:
        request: The current request; templates can use it as `request`.
        template_name: Name of a file in a template directory, such as `"books/list.html"`.
        status_code: Status of the response.
        headers: Header fields of the response.
        **context: Variables for the template.

    Raises:
        TemplateNotFound: No template directory has the file; the message suggests similar names.

    Example:
        >>> from lback import render
        >>> @app.route("/", requires_auth=False)
        ... def home(request):
        ...     return render(request, "home.html", title="Welcome")
    """
    renderer = request.get_service("template_renderer")
    page = renderer.render_to_string(template_name, **{"request": request, **context})
    return HTMLResponse(page, status_code, headers)


def redirect(url: str, *, status_code: int = 302) -> RedirectResponse:
    """Return a redirect to a URL; see `lback.core.response.RedirectResponse`.

    Args:
        url: Absolute URL or path. Check one that came from a client with
            `lback.core.urls_utils.is_local_url` first.
        status_code: 301, 302, 303, 307 or 308. Use 303 to redirect to a GET after a POST.

    Raises:
        ValueError: As `RedirectResponse`.

    Example:
        >>> from lback import redirect
        >>> redirect("/books", status_code=303).headers["Location"]
        '/books'
    """
    return RedirectResponse(url, status_code)


def reverse(request: "Request", name: str, /, **params: object) -> str:
    """Return the path of a named route of the application that handles the request.

    It begins with the prefix of the language if the path of the request does.

    Args:
        request: The current request.
        name: Name of the route.
        **params: Values of its variables; others become the query string, except `None`.

    Raises:
        ValueError: No route has the name, or a value is missing or refused by its converter.

    Example:
        >>> from lback import reverse
        >>> @app.route("/books/{book_id:int}", name="book", requires_auth=False)
        ... def show_book(request, book_id):
        ...     return reverse(request, "book", book_id=book_id + 1)
        >>> Client(app).get("/books/7").text
        '/books/8'
    """
    router: Router = request.get_service("router")
    prefix = request.environ.get(PREFIX, "")
    return f"{prefix}{router.reverse(name, **params)}"


@overload
def get_object_or_404(
    session: "Session", source: type[T], key: object = ..., /, **values: object
) -> T: ...
@overload
def get_object_or_404(session: "Session", source: "Select[Any]", /) -> Any: ...
def get_object_or_404(
    session: "Session",
    source: "type[Any] | Select[Any]",
    key: object = _ABSENT,
    /,
    **values: object,
) -> Any:
    """Return one row of the database, or raise NotFound.

    Args:
        session: Database session, such as `request.db_session`.
        source: A model, or a SELECT of one, such as `select(Book).with_for_update().where(…)`.
        key: Value of the primary key; a tuple if it has several columns. For a model only.
        **values: Values of columns that the row has, instead of a key. For a model only.

    Raises:
        NotFound: No row matches.
        MultipleResultsFound: More than one row matches.
        TypeError: A model without a key and values, or with both; or a SELECT with one of them.

    Example:
        >>> from lback import get_object_or_404
        >>> def show_book(request, slug, db_session):
        ...     book = get_object_or_404(db_session, Book, slug=slug)
        ...     return {"title": book.title}
    """
    # Imported here, because an application without a database does not import SQLAlchemy.
    from sqlalchemy import select

    if (key is not _ABSENT) + bool(values) != isinstance(source, type):
        raise TypeError(
            "get_object_or_404 takes a model and either a key or values of columns, "
            "or a SELECT without them"
        )
    if not isinstance(source, type):
        found = session.scalars(source).unique().one_or_none()
    elif values:
        found = session.scalars(select(source).filter_by(**values)).unique().one_or_none()
    else:
        found = None if key is None else session.get(source, key)
    if found is None:
        raise NotFound()
    return found
