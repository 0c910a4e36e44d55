"""Shortcuts for views: `render`, `redirect` and `reverse`."""

from typing import TYPE_CHECKING

from lback.core.response import HTMLResponse, RedirectResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lback.core.http.headers import HeaderValue
    from lback.core.request import Request
    from lback.core.router import Router


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
    return router.reverse(name, **params)
