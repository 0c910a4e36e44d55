"""The settings of helpdesk, the same on every machine.

Environment variables of the same name override these settings, as do lines in `.env`. Put secrets
and settings that differ between machines there: this file is under version control, `.env` is not.
`lback config` shows every setting with its value and source, `lback config explain DEBUG` explains
one.

All names in upper case are settings, also your own: `request.config.SHOP_NAME`.
"""

# Off by default, so that production is safe. `.env` turns it on for development.
DEBUG = False

# Host names of the site. Requests with another Host header are rejected, as links in emails and
# caches contain it. While DEBUG is on, localhost is allowed as well.
# In production: ALLOWED_HOSTS=example.com,www.example.com
ALLOWED_HOSTS: list[str] = []

# The module with `urlpatterns`.
ROOT_URLCONF = "urls"

# Packages with models, templates, an `admin` module or `commands`.
INSTALLED_APPS = ["tickets"]

# The language of each visitor is chosen by the form of the layout, else by the browser. The texts
# are translated in locale/.
LANGUAGES = ["en", "de", "ar"]

# Live pages: messages are kept in the application's database, in tables that the first migration
# has created.
REALTIME = "database"

# Where people go who signed in.
LOGIN_REDIRECT_URL = "/tickets/"

# The API, and its documentation at /api/docs/, which users of the admin may read.
API_PREFIXES = ["/api/"]
API_TITLE = "Helpdesk"

# Where attachments are kept: a private folder of the project. Chapter 12 keeps them on S3.
STORAGES = {"default": {"backend": "folder", "path": "uploads"}}

# Middlewares process requests from first to last and responses from last to first. An order that
# cannot work is an error at start-up.
MIDDLEWARES = [
    "lback.middleware.SecurityHeadersMiddleware",
    "lback.middleware.SessionMiddleware",
    "lback.middleware.AuthenticationMiddleware",
    "lback.middleware.BodyParsingMiddleware",
    # Rejects forms of other sites. Forms need {{ csrf_input }}.
    "lback.middleware.CSRFMiddleware",
]

# Templates are searched in `templates/` of the project, then of each app. TEMPLATE_DIRS names other
# directories.

# A SQLite file in the project. To use a server, set in the environment:
# DATABASE_URL=postgresql://user:password@host/helpdesk
DB_ENGINE = "sqlite"
DB_NAME = "db.sqlite3"

# Times are stored in UTC, and read and shown in this time zone, such as "Europe/Berlin".
TIME_ZONE = "UTC"

# Lifetime of a session in seconds: two weeks.
SESSION_LIFETIME = 14 * 24 * 60 * 60
