"""The pages of the reference: a title, the names that belong there, and the order."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the reference that is written from docstrings.

    Attributes:
        slug: Name of its file, without the ending.
        title: Its heading.
        names: Packages whose `__all__` it shows (`"lback.forms"`), or names of a module
            (`"lback.core: Cache CacheItem"`). A name that an earlier page shows is not repeated.
        extra: Tables below the entries: `"fixtures"` or `"account pages"`.
    """

    slug: str
    title: str
    names: tuple[str, ...]
    extra: str = ""


PAGES = (
    Page(
        "application",
        "Application",
        ("lback: Application get_object_or_404 redirect render reverse",),
    ),
    Page(
        "requests",
        "Requests",
        ("lback.core.types: Request AppSession UploadedFile MultiDict HTTPMethod",),
    ),
    Page(
        "responses",
        "Responses",
        (
            "lback: Response HTMLResponse JSONResponse RedirectResponse",
            "lback: FileResponse StreamingResponse",
        ),
    ),
    Page(
        "routing",
        "Routes and converters",
        (
            "lback: path include websocket",
            "lback.core: Include Route Router",
            "lback.core.types: TypeConverter IntegerConverter UUIDConverter register_converter",
        ),
    ),
    Page(
        "middleware",
        "Middlewares",
        (
            "lback: BaseMiddleware SimpleMiddleware",
            "lback.middleware",
            "lback.core: Middleware MiddlewareManager",
            "lback.core: create_middleware import_class load_middlewares_from_config",
        ),
    ),
    Page(
        "errors",
        "Errors",
        (
            "lback: HTTPException BadRequest Unauthorized Forbidden NotFound MethodNotAllowed",
            "lback: ValidationError ServerError ConfigurationError",
            "lback.core: FrameworkException RouteNotFound ErrorHandler",
        ),
    ),
    Page(
        "templates", "Templates", ("lback.core.templates: TemplateRenderer", "lback.core.templates")
    ),
    Page("signals", "Signals", ("lback: dispatcher", "lback.core: SignalDispatcher")),
    Page(
        "configuration",
        "Configuration",
        (
            "lback: Config",
            "lback.core: load_config load_settings_module get_project_root update_config",
            "lback.core: sync_settings_to_config SettingsFileHandler start_settings_watcher",
        ),
    ),
    Page(
        "server",
        "Controller, server, WebSockets",
        (
            "lback.core: AppController Server initialize_core_components wsgi_application",
            "lback.core: create_wsgi_app WebSocketServer setup_logging",
        ),
    ),
    Page(
        "database",
        "Database",
        ("lback.database: DatabaseManager", "lback: after_commit", "lback.database"),
    ),
    Page(
        "migrations",
        "Migrations",
        ("lback.database.migrations: Migrations", "lback.database.migrations"),
    ),
    Page("time-zones", "Time zones", ("lback.time_zones",)),
    Page("i18n", "Languages", ("lback.i18n: gettext ngettext gettext_lazy language", "lback.i18n")),
    Page("forms", "Forms", ("lback.forms: Form ModelForm model_form Field Widget", "lback.forms")),
    Page(
        "admin", "Admin", ("lback.admin: register ModelAdmin Inline action column", "lback.admin")
    ),
    Page("users", "Users and roles", ("lback.users: User UserManager", "lback.users")),
    Page(
        "auth",
        "Authentication and permissions",
        ("lback.auth: login logout login_required permission_required", "lback.auth"),
    ),
    Page(
        "api",
        "API",
        ("lback.api: Query Header Cookie Form File Path Body Status Event", "lback.api"),
    ),
    Page("accounts", "Account pages", ("lback.accounts",), "account pages"),
    Page(
        "sessions", "Sessions", ("lback.sessions: flash flashed SessionManager", "lback.sessions")
    ),
    Page("security", "Passwords and signed tokens", ("lback.security",)),
    Page("cache", "Caches", ("lback.core: Cache CacheItem", "lback.cache")),
    Page("mail", "Mail", ("lback.mail: Mail Mailer", "lback.mail")),
    Page("realtime", "Live pages and WebSockets", ("lback.realtime",)),
    Page("tasks", "Background tasks", ("lback.tasks: task schedule", "lback.tasks")),
    Page("static-files", "Static files", ("lback.static_files: StaticFiles", "lback.static_files")),
    Page("storage", "Stored files", ("lback.storage: Storage FileInfo Storages", "lback.storage")),
    Page("testing", "Testing", ("lback.testing",), "fixtures"),
)

# What is public: every name in the `__all__` of these has an entry on one of the pages.
PUBLIC_PACKAGES = (
    "lback",
    "lback.core",
    "lback.core.templates",
    "lback.core.types",
    "lback.accounts",
    "lback.admin",
    "lback.api",
    "lback.auth",
    "lback.cache",
    "lback.database",
    "lback.database.migrations",
    "lback.forms",
    "lback.i18n",
    "lback.mail",
    "lback.middleware",
    "lback.realtime",
    "lback.security",
    "lback.sessions",
    "lback.static_files",
    "lback.storage",
    "lback.tasks",
    "lback.testing",
    "lback.time_zones",
    "lback.users",
)
