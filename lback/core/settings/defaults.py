"""All settings of Lback, with types and default values."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# The values of `TASKS` with which tasks are rows of the database.
TASKS_IN_DATABASE = ("database", "dramatiq")


@dataclass(eq=False, repr=False)
class Settings:
    """The settings as attributes; a new instance has the default values."""

    # Security and hosts.
    DEBUG: bool = False  # details in error pages and logs; never on a public server
    SECRET_KEY: str = ""  # signs sessions and tokens; 16 characters at least
    SECRET_KEY_FALLBACKS: list[str] = field(default_factory=list)  # former keys, still accepted
    ALLOWED_HOSTS: list[str] = field(default_factory=list)  # names served; ".x" with subdomains
    TRUSTED_PROXIES: list[str] = field(default_factory=list)  # addresses, networks, "unix"
    USE_X_FORWARDED_HOST: bool = False  # believe that header from trusted proxies
    CLOCK_TOLERANCE: int = 60  # seconds by which the clock of another machine may be ahead

    # Routes, apps, middlewares, templates and static files.
    ROOT_URLCONF: str = ""  # module with `urlpatterns`
    INSTALLED_APPS: list[str] = field(default_factory=list)  # packages, by dotted name
    MIDDLEWARES: list[object] = field(  # in the order of their request hooks
        default_factory=lambda: [
            "lback.middleware.SecurityHeadersMiddleware",
            "lback.middleware.SessionMiddleware",
            "lback.middleware.AuthenticationMiddleware",
            "lback.middleware.BodyParsingMiddleware",
            "lback.middleware.CSRFMiddleware",
        ]
    )
    TEMPLATE_DIRS: list[str | Path] = field(default_factory=list)  # text or paths
    STATIC_URL: str = "/static/"  # where static files are served; a URL where another host does
    STATICFILES_DIRS: list[str | Path] = field(
        default_factory=list
    )  # text or paths; empty: static/
    STATIC_ROOT: str = "staticfiles"  # where collectstatic puts them
    APPLICATION_CLASS: str = "lback.application.Application"

    # Errors as problem details (RFC 9457); those of typed views always are.
    API_PREFIXES: list[str] = field(default_factory=list)  # paths such as "/api/"
    PROBLEM_DETAILS: bool = False  # for all paths

    # The OpenAPI document of the API, and its pages.
    API_TITLE: str = ""  # empty: the name of the directory of the project
    API_VERSION: str = "1.0.0"  # of the API, as clients see it
    API_WEBHOOKS: list[str] = field(default_factory=list)  # dotted paths, such as shop.webhooks.all
    API_DOCS_ACCESS: str = "staff"  # who may read them: staff, users or public; with DEBUG all

    # The database: DATABASE_URL, or else the DB_… settings.
    DATABASE_URL: str = ""
    DB_ENGINE: str = "sqlite"  # sqlite, postgresql or mysql
    DB_NAME: str = "db.sqlite3"
    DB_USER: str = ""
    DB_PASSWORD: str = ""
    DB_HOST: str = ""
    DB_PORT: int = 0  # 0: the usual port of the engine
    DATABASE_DIRECT_URL: str = ""  # the same database without PgBouncer, for migrations
    # Time limits in seconds.
    DB_CONNECT_TIMEOUT: int = 5  # for opening a connection
    DB_STATEMENT_TIMEOUT: int = 30  # for a statement of a request; 0: none
    DB_POOL_TIMEOUT: int = 5  # for a free connection of the pool
    DB_LOCK_TIMEOUT: int = 5  # for another writer of a SQLite database

    # Dates and times.
    TIME_ZONE: str = "UTC"  # in which times are read and shown, such as Europe/Berlin
    TIME_ZONE_USER_ATTRIBUTE: str = ""  # of a user, with the name of a zone; empty: none

    # Languages, as tags such as "de" or "pt-BR"; other than "en" they need the extra i18n.
    LANGUAGE: str = "en"  # the default
    LANGUAGES: list[str] = field(default_factory=list)  # visitors choose from; empty: LANGUAGE
    MESSAGES_LANGUAGE: str = "en"  # in which the messages of the project are written
    LANGUAGE_PREFIX: bool = False  # every page also below /de/ and so on
    LANGUAGE_COOKIE_NAME: str = "language"
    LANGUAGE_USER_ATTRIBUTE: str = ""  # of a user, with the chosen language; empty: none

    # Logging.
    LOGGING_LEVEL: str = ""  # empty: INFO, or DEBUG where DEBUG is on
    LOGGING: dict[str, Any] = field(default_factory=dict)  # for logging.config.dictConfig

    # Address of `runserver` and `serve`, and the processes of `serve`.
    HOST: str = "127.0.0.1"  # or a Unix socket for `serve`: unix:/run/shop.sock
    PORT: int = 8000  # 0: one that is free
    SERVER: str = "granian"  # or gunicorn
    WORKERS: int = 0  # processes; 0: twice the processors, at most 8
    THREADS: int = 8  # in each worker
    SHUTDOWN_TIMEOUT: int = 30  # seconds to wait for running requests
    CLIENT_TIMEOUT: int = 30  # seconds for a client that sends or reads too slowly
    WORKER_MAX_REQUESTS: int = 0  # a worker is replaced after so many; 0: never
    WORKER_MAX_MEMORY: int = 0  # MiB over which a worker is replaced; 0: no limit
    ACCESS_LOG: bool = True  # a line for each request
    HEALTH_PATH: str = "/health"  # where /live and /ready are answered; empty: nowhere
    DRAIN_SECONDS: int = 0  # how long to serve on after SIGTERM while /ready answers 503

    # Findings that `lback check` leaves out.
    SILENCED_CHECKS: list[str] = field(default_factory=list)  # names such as "deploy.csrf"

    # Maximum sizes of requests, in bytes or numbers of fields.
    MAX_REQUEST_BODY_SIZE: int = 10 * 1024 * 1024
    MAX_UPLOAD_MEMORY_SIZE: int = 2_500_000
    MAX_FORM_FIELDS: int = 1000
    MAX_FORM_FILES: int = 100
    MAX_FORM_FIELD_SIZE: int = 500_000
    MAX_PART_HEADER_SIZE: int = 8192
    MAX_JSON_DEPTH: int = 200
    MAX_QUERY_PARAMS: int = 1000
    MAX_URL_SIZE: int = 8192
    MAX_COOKIE_SIZE: int = 8192

    # Sessions and sign-in.
    SESSION_COOKIE_NAME: str = "session"
    SESSION_LIFETIME: int = 1_209_600  # seconds: two weeks after signing in, used or not
    SESSION_IDLE_TIMEOUT: int = 604_800  # seconds: one week without a request that reads it
    SESSION_STORE: str = "database"  # database, memory, redis, or the dotted name of a class
    LOGIN_URL: str = ""  # where visitors are redirected to sign in
    USER_MODEL: str = "lback.users.User"  # the class of the users, by dotted name
    MIN_PASSWORD_LENGTH: int = 12  # characters
    PASSWORD_VALIDATORS: list[object] = field(  # besides the length; functions or classes
        default_factory=lambda: [
            "lback.security.CommonPasswordValidator",
            "lback.security.UserAttributeSimilarityValidator",
        ]
    )
    PASSWORD_WORDS: list[str] = field(default_factory=list)  # easy to guess for this site
    LOGIN_ATTEMPTS_PER_ACCOUNT: int = 10  # wrong passwords in LOGIN_ATTEMPTS_SECONDS
    LOGIN_ATTEMPTS_PER_ADDRESS: int = 50
    LOGIN_ATTEMPTS_SECONDS: int = 600
    LOGIN_ATTEMPTS_STORE: str = "database"  # or redis, or memory (of one process)

    # Of the Authorization header; "Token" beside it for clients of other APIs.
    BEARER_SCHEMES: list[str] = field(default_factory=lambda: ["Bearer"])

    # Access tokens for API clients (JWT); off while JWT_AUDIENCE is empty.
    JWT_AUDIENCE: str = ""  # the `aud` claim, such as https://api.example.com
    JWT_ISSUER: str = ""  # the `iss` claim; empty: the audience
    JWT_ALGORITHM: str = "HS256"
    JWT_KEY: str = ""  # PEM of the private key; empty for HMAC: derived from SECRET_KEY
    JWT_ACCESS_SECONDS: int = 900
    JWT_REFRESH_SECONDS: int = 1_209_600  # two weeks from the last exchange

    # Redirects after signing in and out.
    LOGIN_REDIRECT_URL: str = "/"
    LOGOUT_REDIRECT_URL: str = "/"

    # Mail.
    MAIL_BACKEND: str = ""  # smtp, console, file, memory, none; empty: by MAIL_HOST and DEBUG
    MAIL_HOST: str = ""
    MAIL_PORT: int = 587
    MAIL_SECURITY: str = "starttls"  # starttls, tls or none
    MAIL_USER: str = ""
    MAIL_PASSWORD: str = ""
    MAIL_FROM: str = "noreply@localhost"
    MAIL_ENVELOPE_SENDER: str = ""  # where undeliverable email is returned to; empty: MAIL_FROM
    MAIL_DIRECTORY: str = "mail"  # for MAIL_BACKEND = "file", below PROJECT_ROOT

    # Background tasks.
    TASKS: str = ""  # database, dramatiq; immediate: run at the commit, for tests; empty: none
    TASK_BROKER_URL: str = ""  # for TASKS = "dramatiq": amqp://… (RabbitMQ) or redis://…
    TASK_RETENTION: int = 604_800  # seconds: one week in which finished tasks are kept

    # Live pages.
    REALTIME: str = ""  # database, redis, memory (one process); empty: none
    REALTIME_PATH: str = "/realtime/"  # where the connections of pages are
    REALTIME_REDIS_URL: str = ""  # for REALTIME = "redis"; empty: REDIS_URL
    REALTIME_HISTORY_SECONDS: int = 3600  # how long messages are kept for clients that were away
    REALTIME_HISTORY_MESSAGES: int = 1000  # how many are kept in a room
    REALTIME_MESSAGE_BYTES: int = 262_144  # of one message as JSON
    # The processes of WebSockets and events, and what each of them allows.
    REALTIME_PROCESSES: int = 1  # of `serve`
    REALTIME_ORIGINS: list[str] = field(default_factory=list)  # pages of other hosts that connect
    REALTIME_CONNECTIONS: int = 20_000  # in each process
    REALTIME_RECEIVE_BYTES: int = 65_536  # of one message from a client
    REALTIME_RECEIVE_RATE: int = 50  # messages a second from one client; 0: no limit
    REALTIME_THREADS: int = 8  # in which plain functions run, in each process

    # The Redis or Valkey server for sessions, rate limits and caches.
    REDIS_URL: str = "redis://127.0.0.1:6379/0"
    REDIS_TIMEOUT: float = 0.2  # seconds to wait for each of its answers

    # Caches by name; empty: one in memory.
    CACHES: dict[str, Any] = field(default_factory=dict)

    # Stored files: uploads, and what the application makes.
    STORAGES: dict[str, Any] = field(default_factory=dict)  # by name; `default` in MEDIA_ROOT
    MEDIA_ROOT: str = "media"  # folder of the storage `default`, below PROJECT_ROOT
    MAX_UPLOAD_SIZE: int = 2 * 1024**3  # bytes of a file that is uploaded in parts
    MEDIA_URL: str = ""  # address of lback.storage.urls on another host; empty: this one

    # Security headers, CORS and rate limits; see docs/guides/security.md.
    CSRF_TRUSTED_ORIGINS: list[str] = field(default_factory=list)  # may send forms here
    CONTENT_SECURITY_POLICY: dict[str, str | list[str] | None] = field(
        default_factory=dict
    )  # over the default
    CONTENT_SECURITY_POLICY_REPORT_ONLY: bool = False
    SECURITY_HEADERS: dict[str, str | None] = field(default_factory=dict)  # over the defaults
    HSTS_SECONDS: int = 3600  # sent over HTTPS alone; 0: never
    HSTS_SUBDOMAINS: bool = False
    HSTS_PRELOAD: bool = False
    CORS_ORIGINS: list[str] = field(default_factory=list)  # may read answers; "*" for any
    CORS_CREDENTIALS: bool = False  # with cookies; never together with "*"
    RATE_LIMITS: list[str] = field(default_factory=lambda: ["300 per minute"])  # for each client

    # The directory of settings.py; relative paths of database files start there.
    PROJECT_ROOT: str = ""
