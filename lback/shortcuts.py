"""What views say every day: render a page, send somewhere else, name a route."""

from typing import TYPE_CHECKING, Any

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
    **context: Any,
) -> HTMLResponse:
    """Render a template with `request` and the context, and return the page.

    Raises:
        TemplateNotFound: No template directory has it; names near misses.
    """
    renderer = request.get_service("template_renderer")
    page = renderer.render_to_string(template_name, **{"request": request, **context})
    return HTMLResponse(page, status_code, headers)


def redirect(url: str, *, status_code: int = 302) -> RedirectResponse:
    """Send the client to a URL; see `lback.core.response.RedirectResponse`.

    Use 303 after a POST that should be followed by a GET. A URL that came from a client is
    first checked with `lback.core.urls_utils.is_local_url`.
    """
    return RedirectResponse(url, status_code)


def reverse(request: "Request", name: str, /, **params: Any) -> str:
    """Return the path of a named route of the application that answers this request.

    Raises:
        ValueError: No route has the name, or a variable is missing or does not fit.
    """
    router: Router = request.get_service("router")
    return router.reverse(name, **params)
