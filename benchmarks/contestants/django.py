"""Django with no more middlewares than a scenario needs, and Jinja2 for the template."""

from pathlib import Path
from tempfile import mkdtemp

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, JsonResponse
from django.urls import path
from scenarios import (
    COOKIES,
    FORM,
    GREETING,
    HOST,
    ITEM,
    MIDDLEWARES,
    QUERY,
    ROUTES_BEHIND,
    TABLE,
    TEMPLATE,
    document_answer,
    joined,
    upload_answer,
)  # fmt: skip

from contestants.database import database_file

_DIRECTORY = Path(mkdtemp())
(_DIRECTORY / "table.html").write_text(TEMPLATE)
settings.configure(
    ALLOWED_HOSTS=[HOST],
    SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
    DEBUG=False,
    MIDDLEWARE=[],
    INSTALLED_APPS=["django.contrib.sessions"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3", "NAME": str(database_file()),
            "CONN_MAX_AGE": None,
        }
    },
    TEMPLATES=[
        {"BACKEND": "django.template.backends.jinja2.Jinja2", "DIRS": [str(_DIRECTORY)]}
    ],
    LOGGING_CONFIG=None,
)  # fmt: skip
django.setup()

from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import models  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.views.decorators.http import require_GET, require_POST  # noqa: E402


class Item(models.Model):
    name = models.TextField()

    class Meta:
        app_label = "benchmark"
        db_table = "items"
        managed = False


def plain(text):
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@require_GET
def plaintext(request):
    return plain(GREETING)


def json(request):
    return JsonResponse({"message": GREETING})


def query(request):
    return plain(joined(request.GET, QUERY))


def cookies(request):
    return plain(joined(request.COOKIES, COOKIES))


@require_POST
def form(request):
    return plain(joined(request.POST, FORM))


@require_POST
def json_body(request):
    import json

    return plain(document_answer(json.loads(request.body)))


@require_POST
def upload(request):
    file = request.FILES["file"]
    return plain(upload_answer(request.POST["label"], file.name, file.read()))


def template(request):
    return render(request, "table.html", {"title": "Rows", "rows": TABLE})


def session(request):
    return plain(request.session["user"])


def database(request):
    return plain(Item.objects.get(pk=ITEM).name)


def params(request, year, number):
    return plain(f"{year}:{number}")


def show(request, item):
    return plain(str(item))


def sets_header(number):
    name, value = f"X-{number}", str(number)

    def factory(get_response):
        def middleware(request):
            response = get_response(request)
            response[name] = value
            return response

        return middleware

    return factory


FACTORIES = [sets_header(n) for n in range(MIDDLEWARES)]
for _number, _factory in enumerate(FACTORIES):
    globals()[f"middleware_{_number}"] = _factory


class Urls:
    """Stands for the module that ROOT_URLCONF names."""

    def __init__(self, urlpatterns):
        self.urlpatterns = urlpatterns


def build(app):
    kind, _, number = app.partition("-")
    settings.MIDDLEWARE = []
    if kind == "base":
        views = (plaintext, json, query, cookies, template, database, form, upload)
        urls = [path(view.__name__, view) for view in views]
        urls.append(path("json-body", json_body))
    elif kind == "session":
        settings.MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
        call_command("migrate", verbosity=0)
        urls = [path("session", session)]
    elif kind == "middlewares":
        settings.MIDDLEWARE = [f"{__name__}.middleware_{n}" for n in range(MIDDLEWARES)]
        urls = [path("plaintext", plaintext)]
    elif kind == "params":
        urls = [path(f"section{n}/<int:year>/<int:number>", params) for n in range(ROUTES_BEHIND)]
    elif kind == "routes":
        urls = [path(f"resource{n}/<int:item>", show) for n in range(int(number))]
    else:
        return None
    built = WSGIHandler()
    built.urls = Urls(urls)
    return built


def activate(built):
    """Have this one's routes asked: a handler looks for them in the settings at every request."""
    settings.ROOT_URLCONF = built.urls


def session_cookie(built):
    store = SessionStore()
    store["user"] = "ada"
    store.save()
    return f"sessionid={store.session_key}"
