"""URL patterns of resumable uploads: `include("lback.storage.upload_urls", "/uploads/")`."""

from lback.core.urls_utils import path
from lback.storage.direct import ROUTE
from lback.storage.upload_views import Collection, Item, receive, script

# Only signed-in users may upload, unless they are included with requires_auth=False.
urlpatterns = [
    path("/", Collection, None, "uploads"),
    path("/upload.js", script, ["GET"], "uploads-script", requires_auth=False),
    path("/direct/{token}", receive, ["POST"], ROUTE),
    path("/{token}", Item, None, "upload"),
]
