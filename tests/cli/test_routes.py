"""The table of routes, and the audit that notices an opened one."""

import json
from pathlib import Path

from tests.cli.conftest import Run

URLS = """
from lback import path
from lback.auth import permission_required
from lback.middleware import csrf_exempt, rate_limit

def view(request): return ""

@csrf_exempt
def hook(request): return ""

@permission_required(["notes.change", "notes.view"])
@rate_limit("5 per minute")
def edit(request): return ""

urlpatterns = [
    path("/", view, ["GET"], "home", requires_auth=False),
    path("/hook", hook, ["POST"], "hook", requires_auth=False),
    path("/edit/{number:int}", edit, ["GET", "POST"], "edit"),
    path("/any", view),
]
"""
CHECKED = """
MIDDLEWARES = [
    "lback.middleware.SessionMiddleware",
    "lback.middleware.AuthenticationMiddleware",
    "lback.middleware.BodyParsingMiddleware",
    "lback.middleware.CSRFMiddleware",
]
"""


def test_the_table_tells_where_each_address_leads_and_who_is_let_in(
    lback: Run, project: Path
) -> None:
    (project / "urls.py").write_text(URLS)

    lines = lback("routes", cwd=project).stdout.splitlines()

    assert [" ".join(line.split()) for line in lines] == [
        "METHOD PATH NAME VIEW AUTH PERMISSION CSRF LIMITS",
        "GET /static/{name:path} lback.static_files.files.StaticFiles.serve public",
        "GET / home urls.view public",
        "POST /hook hook urls.hook public exempt",
        "GET,POST /edit/{number:int} edit urls.edit signed in notes.change, notes.view checked "
        "5 per minute",
        "* /any urls.view signed in checked",
        "GET /health/live lback.monitoring.health.HealthChecks.live public",
        "GET /health/ready lback.monitoring.health.HealthChecks.ready public",
    ]
    assert lines[4].index("signed in") == lines[0].index("AUTH")

    some = lback("routes", "/edit", "--json", cwd=project)
    (route,) = json.loads(some.stdout)
    assert route["methods"] == ["GET", "POST"]
    assert route["permission"] == "notes.change, notes.view"


GUARDED = """
from lback import include, path
from lback.auth import LoginRequiredMixin, login_required, permission_required

def view(request): return ""

class Mixed(LoginRequiredMixin):
    def get(self, request): return ""

class Own(Mixed):
    def check_access(self, request): pass

class Half:
    @login_required
    def get(self, request): return ""
    def post(self, request): return ""

@login_required
class Whole(Half):
    def get(self, request): return ""

class Reopened(Whole):
    def get(self, request): return ""

open_to = {"requires_auth": False}
urlpatterns = [
    path("/login", login_required(view), **open_to),
    path("/permission", permission_required("notes.view")(view), **open_to),
    *[path(f"/{kind.__name__.lower()}", kind, **open_to)
      for kind in (Mixed, Own, Half, Whole, Reopened)],
    include("lback.admin.urls", "/admin/"),
]
"""


def test_the_table_tells_what_views_ask_for_by_themselves(lback: Run, project: Path) -> None:
    (project / "urls.py").write_text(GUARDED)
    settings = project / "settings.py"
    settings.write_text(settings.read_text() + CHECKED)

    facts = json.loads(lback("routes", "--json", cwd=project).stdout)
    auth = {(route["path"], *route["methods"][:1]): route["auth"] for route in facts}
    assert {path: word for (path, _), word in auth.items() if not path.startswith("/admin")} == {
        "/static/{name:path}": "public",
        "/health/live": "public",
        "/health/ready": "public",
        "/login": "signed in",
        "/permission": "signed in",
        "/mixed": "signed in",
        "/own": "check_access()",
        "/half": "public",
        "/whole": "signed in",
        "/reopened": "public",
    }
    admin = {key: word for key, word in auth.items() if key[0].startswith("/admin")}
    assert {path for (path, _), word in admin.items() if word == "public"} == {
        "/admin/sign-in", "/admin/sign-out", "/admin/static/{name}",
    }  # fmt: skip
    assert set(admin.values()) == {"admin", "public"}


def test_the_audit_does_not_call_a_new_admin_public(lback: Run, project: Path) -> None:
    settings, urls = project / "settings.py", project / "urls.py"
    settings.write_text(settings.read_text() + CHECKED)
    assert lback("routes", "--lock", cwd=project).returncode == 0
    urls.write_text(GUARDED)

    told = lback("routes", "--audit", cwd=project).stderr

    assert "- GET /admin/sign-in is new and public" in told
    assert "/admin/history" not in told
    assert "/login" not in told


def test_the_audit_fails_where_a_route_became_more_open(lback: Run, project: Path) -> None:
    urls, lock = project / "urls.py", project / "routes.lock"
    urls.write_text(URLS)
    settings = project / "settings.py"
    settings.write_text(settings.read_text() + CHECKED)

    missing = lback("routes", "--audit", cwd=project)
    assert missing.returncode == 1
    assert f"Error: {lock} does not exist; review the output of 'lback routes'" in missing.stderr

    assert lback("routes", "--lock", cwd=project).stdout == f"Wrote {lock}: 8 routes.\n"
    assert lock.read_text().splitlines()[2:] == [
        "GET\t/\tpublic",
        "*\t/any\tsigned-in=yes\tcsrf=yes",
        "GET\t/edit/{number:int}\tsigned-in=yes\tpermission=notes.change, notes.view"
        "\tlimits=5 per minute",
        "POST\t/edit/{number:int}\tsigned-in=yes\tpermission=notes.change, notes.view\tcsrf=yes"
        "\tlimits=5 per minute",
        "GET\t/health/live\tpublic",
        "GET\t/health/ready\tpublic",
        "POST\t/hook\tpublic",
        "GET\t/static/{name:path}\tpublic",
    ]

    # Closed more, gone, and new behind sign-in: nothing to be told.
    urls.write_text(
        URLS.replace('"home", requires_auth=False', '"home"').replace("@csrf_exempt", "")
        + 'urlpatterns += [path("/new", view)]\n'
    )
    fine = lback("routes", "--audit", cwd=project)
    assert (fine.returncode, fine.stdout) == (0, "No route is more open than in routes.lock.\n")

    urls.write_text(
        URLS.replace('path("/any", view)', 'path("/any", hook, requires_auth=False)')
        .replace('@rate_limit("5 per minute")', "")
        .replace('"notes.change", ', "")
        + 'urlpatterns += [path("/new", view, ["GET"], requires_auth=False)]\n'
    )
    opened = lback("routes", "--audit", cwd=project)
    assert opened.returncode == 1
    assert opened.stderr.splitlines() == [
        "Error: routes are more open than in routes.lock:",
        "- GET /edit/{number:int} had permission 'notes.change, notes.view', now 'notes.view'",
        "- GET /edit/{number:int} no longer has the limits '5 per minute'",
        "- POST /edit/{number:int} had permission 'notes.change, notes.view', now 'notes.view'",
        "- POST /edit/{number:int} no longer has the limits '5 per minute'",
        "- * /any no longer has a sign-in check (it is public)",
        "- * /any no longer has a CSRF check",
        "- GET /new is new and public",
        "restrict them, or accept the change with: lback routes --lock",
    ]

    lock.write_text("GET\n")
    broken = lback("routes", "--audit", cwd=project)
    assert broken.returncode == 1
    assert f"Error: {lock}, line 1 is not a valid route; " in broken.stderr
