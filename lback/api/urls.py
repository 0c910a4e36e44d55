"""URL patterns of the API documentation: `include("lback.api.urls", "/api/docs")`."""

from lback.api.pages import send_asset, send_document, show_console, show_reference
from lback.core.urls_utils import path

READ = ["GET"]

# requires_auth is False, because each view checks API_DOCS_ACCESS itself.
urlpatterns = [
    path("/", show_reference, READ, "api-docs", requires_auth=False),
    path("/openapi.json", send_document, READ, "api-document", requires_auth=False),
    path("/try", show_console, READ, "api-console", requires_auth=False),
    path("/static/{name}", send_asset, READ, "api-asset", requires_auth=False),
]
