"""URL patterns of stored files: `include("lback.storage.urls", "/media/")`."""

from lback.core.urls_utils import path
from lback.storage.links import ROUTE
from lback.storage.views import send_file

# requires_auth is False, because the view sends public files and those with a signed address.
urlpatterns = [path("/{storage}/{name:path}", send_file, ["GET"], ROUTE, requires_auth=False)]
