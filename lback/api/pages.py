"""Views of the API documentation: the document, a reference page, and a page to try calls."""

from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

from lback.api.docs_access import readers_only
from lback.api.docs_assets import read_asset, swagger_directory, version_of
from lback.api.openapi import VERSIONS, OpenAPI
from lback.api.reference import reference_of
from lback.core.exceptions import BadRequest, NotFound
from lback.core.http.conditional import precondition_status
from lback.core.response import HTMLResponse, Response
from lback.distribution import install_hint
from lback.shortcuts import render

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.router import Router

# Nothing but files of this site is loaded; scripts and styles need the nonce of the page.
POLICY = {
    "default-src": "'none'",
    "script-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
FIELDS = {
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


@readers_only
def show_reference(request: "Request", openapi: OpenAPI) -> Response:
    """Show the reference of the API as a page without scripts.

    Args:
        request: The request.
        openapi: The document.
    """
    return _page(
        request,
        "api/reference.html",
        POLICY,
        reference=reference_of(openapi.document(), str(request.environ.get("SCRIPT_NAME") or "")),
        has_console=swagger_directory() is not None,
    )


@readers_only
def show_console(request: "Request", openapi: OpenAPI) -> Response:
    """Show Swagger UI, which sends calls with the session of the visitor.

    Args:
        request: The request.
        openapi: The document.

    Raises:
        NotFound: The extra `docs-ui` is not installed.
    """
    if swagger_directory() is None:
        raise NotFound(
            f"Swagger UI is not installed; run: {install_hint('docs-ui')}"
            if request.config.DEBUG is True
            else None
        )
    nonce = token_urlsafe(16)
    policy = {**POLICY, "script-src": f"'nonce-{nonce}'", "style-src": f"'nonce-{nonce}'"}
    return _page(
        request,
        "api/console.html",
        policy,
        nonce=nonce,
        title=openapi.document()["info"]["title"],
    )


@readers_only
def send_document(request: "Request", openapi: OpenAPI) -> Response:
    """Send the OpenAPI document as JSON; `?version=3.2` chooses the version.

    Args:
        request: The request.
        openapi: The document.

    Raises:
        BadRequest: The version is unknown.
    """
    version = request.query_params.get("version", VERSIONS[0])
    if version not in VERSIONS:
        raise BadRequest(f"The version is one of {', '.join(VERSIONS)}.")
    body, etag = openapi.encoded(version, str(request.environ.get("SCRIPT_NAME") or ""))
    headers = {**FIELDS, "ETag": etag}
    status = precondition_status(request.environ, etag, None)
    if status is not None:
        return Response(None, status, headers)
    return Response(body, 200, headers, "application/json")


def send_asset(request: "Request", name: str) -> Response:  # noqa: ARG001  a view
    """Send a style sheet or a script, which browsers may keep.

    Args:
        request: The request.
        name: File name, such as "docs.css".

    Raises:
        NotFound: The file does not exist.
    """
    found = read_asset(name)
    if found is None:
        raise NotFound
    content, media_type = found
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, 200, headers, media_type)


def _page(
    request: "Request", template: str, policy: dict[str, str], **context: Any
) -> HTMLResponse:
    def link(name: str, /, **params: object) -> str:
        router: Router = request.get_service("router")
        return str(request.environ.get("SCRIPT_NAME") or "") + router.reverse(name, **params)

    def asset(name: str) -> str:
        return f"{link('api-asset', name=name)}?v={version_of(name)}"

    text = "; ".join(f"{name} {sources}" for name, sources in policy.items())
    headers = {**FIELDS, "Content-Security-Policy": text, "X-Frame-Options": "DENY"}
    return render(request, template, headers=headers, link=link, asset=asset, **context)
