"""The addresses of helpdesk: the first route that fits answers."""

from lback import include, path

import pages

urlpatterns = [
    path("/", pages.home, ["GET"], "home", requires_auth=False),
    include("tickets.urls", "/tickets/"),
    include("tickets.api", "/api"),
    include("lback.api.urls", "/api/docs"),
    include("lback.accounts.urls", "/accounts/"),
    include("lback.i18n.urls", "/language"),
    # Sign in as a user created with lback create_superuser.
    include("lback.admin.urls", "/admin/"),
]
