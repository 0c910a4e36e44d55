"""The settings of helpdesk, the same on every machine.

An environment variable of the same name comes before what stands here, and a line in `.env`
counts as one. So what differs between machines, and every secret, belongs there: this file is in
version control, `.env` is not. `lback config` shows each setting with its value and its origin,
`lback config explain DEBUG` tells more about one.

Names in upper case are settings, those of Lback as well as your own: `request.config.SHOP_NAME`.
"""

# Off unless the environment says otherwise, so that a server that was set up in a hurry is a safe
# one. On your own machine `.env` turns it on.
DEBUG = False

# The names this site answers to. Anything else a client writes into the Host header is refused,
# for links in mails and caches are made of it. While DEBUG is on, localhost is served anyway.
# On a server: ALLOWED_HOSTS=example.com,www.example.com
ALLOWED_HOSTS: list[str] = []

# The module with `urlpatterns`.
ROOT_URLCONF = "urls"

# The packages of this project that have models, templates, an `admin` module or `commands`.
INSTALLED_APPS = ["tickets"]

# Where people go who signed in.
LOGIN_REDIRECT_URL = "/tickets/"

# The folder of attachments, found from this file. It must not be below static/.
UPLOADS = "uploads"

# What a request passes on its way in, first to last, and its answer on the way out, last to first.
# A chain in an order that cannot work is refused at the start.
MIDDLEWARES = [
    "lback.middleware.SecurityHeadersMiddleware",
    "lback.middleware.SessionMiddleware",
    "lback.middleware.AuthenticationMiddleware",
    "lback.middleware.BodyParsingMiddleware",
    # Takes forms from pages of this site alone: a form holds {{ csrf_input }}.
    "lback.middleware.CSRFMiddleware",
]

# Templates are looked for in `templates/` beside this file, then in that of each app. TEMPLATE_DIRS
# would name other folders.

# A file beside this one, until the environment names a server:
# DATABASE_URL=postgresql://user:password@host/helpdesk
DB_ENGINE = "sqlite"
DB_NAME = "db.sqlite3"

# Seconds that a visitor stays signed in: two weeks.
SESSION_LIFETIME = 14 * 24 * 60 * 60
