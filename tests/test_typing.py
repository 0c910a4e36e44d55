"""What the documentation writes passes `mypy --strict`, so that a project may be checked by it."""

import re
import subprocess
import sys
from pathlib import Path

from lback import Application, Request, ValidationError
from lback.forms import CharField, Form
from lback.testing import Client
from tests.test_docs import BESIDE, PAGES, PYTHON, ROOT, script_of

# Idioms of the guides with all annotations, beyond what the pages themselves hold.
IDIOMS = '''
"""Views as a project that is checked strictly writes them."""

from lback import (
    Application,
    BaseMiddleware,
    NotFound,
    Request,
    Response,
    ValidationError,
    include,
    path,
    redirect,
    render,
)
from lback.core import Cache
from lback.forms import CharField, Form
from lback.users import User, UserManager

app = Application(SHOP_NAME="Corner")


class TitleForm(Form):
    title = CharField(max_length=5)


@app.route("/books", ["POST"], requires_auth=False)
def add(request: Request) -> Response | tuple[Response, int]:
    form = TitleForm(request.DATA)
    if not form.is_valid():
        raise ValidationError(form.errors)
    if form.errors["title"]:
        return render(request, "form.html", form=form), 422
    return redirect("/")


@app.route("/who", requires_auth=False)
def who(request: Request, user_manager: UserManager, cache: Cache) -> dict[str, object]:
    request.session["seen"] = request.session.get("seen", 0) + 1
    found: User | None = user_manager.get_by_username(request.db_session, "ada")
    cache.set("name", request.user.username)
    return {
        "name": request.user.username,
        "mail": request.user.email,
        "shop": request.config.SHOP_NAME,
        "debug": request.config.DEBUG,
        "home": request.router.url_for("home", page=1),
        "photo": request.files["photo"].filename,
        "found": found is not None,
        "raw": request.raw_path,
    }


@app.route("/b/{number:int}", requires_auth=False)
def show(number: int) -> tuple[str, dict[str, str]]:
    return f"{number}", {"X-Number": f"{number}"}


@app.route("/shelf", requires_auth=False)
class Shelf:
    def get(self, request: Request) -> list[str]:
        return request.GET.getlist("tag")


@app.exception_handler(KeyError)
def missing(request: Request, error: KeyError) -> tuple[dict[str, str], int]:
    return {"missing": f"{error}"}, 404


@app.exception_handler(404)
def not_found(request: Request, error: NotFound) -> str:
    request.dispatcher.send("nothing_there", None, request=request)
    return error.message


class Timing(BaseMiddleware):
    def process_request(self, request: Request) -> Response | None:
        return None if request.config.DEBUG else redirect("/closed")

    def process_response(self, request: Request, response: Response) -> Response:
        response.headers["X-User"] = request.user.username if request.user else "nobody"
        return response


app.add_middleware(Timing)
urlpatterns = [path("/", show), include("lback.admin.urls", "/admin/")]
exception_handlers = {KeyError: missing, 404: not_found}
'''


# Kept between runs, as that of the project: most of the time goes into what it imports.
CACHE = ROOT / ".mypy_cache" / "typing"


def check(folder: Path, *options: str) -> str:
    """Return what mypy says about the files of a folder."""
    files = [file.name for file in sorted(folder.glob("*.py"))]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file=",
            f"--cache-dir={CACHE}",
            *options,
            *files,
        ],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_documented_idioms_pass_the_strict_check(tmp_path: Path) -> None:
    (tmp_path / "idioms.py").write_text(IDIOMS)
    assert check(tmp_path) == ""


def test_the_check_does_find_mistakes(tmp_path: Path) -> None:
    (tmp_path / "idioms.py").write_text(
        IDIOMS.replace("request.raw_path", "request.raw_pth").replace("form.errors)", "form)")
    )
    said = check(tmp_path)
    assert '"Request" has no attribute "raw_pth"' in said
    assert 'Argument 1 to "ValidationError" has incompatible type' in said


def test_the_pages_of_the_documentation_pass_it(tmp_path: Path) -> None:
    """Annotations that a page leaves out are no mistake, nor is a second example of one name."""
    app, test_app = PYTHON.findall((ROOT / "README.md").read_text())
    (tmp_path / "app.py").write_text(app)
    (tmp_path / "test_app.py").write_text(test_app)
    for page in PAGES:
        if page.name != "README.md" and PYTHON.search(page.read_text()):
            name = re.sub(r"\W", "_", str(page.relative_to(ROOT).with_suffix("")))
            (tmp_path / f"{name}.py").write_text(script_of(page))
            for beside, block in files_of(page):
                (tmp_path / beside).parent.mkdir(exist_ok=True)
                (tmp_path / beside).write_text(block)
    untyped = ("--allow-untyped-defs", "--allow-incomplete-defs", "--allow-untyped-calls")
    assert check(tmp_path, *untyped, "--disable-error-code=no-redef") == ""


def files_of(page: Path) -> list[tuple[str, str]]:
    """Return the files beside the script of a page that it imports, and what these import."""
    files = BESIDE.findall(page.read_text())
    modules = {name: name.removesuffix(".py").replace("/", ".") for name, _ in files}
    importing = "".join([script_of(page), *(text for name, text in files if "forms" in name)])
    return [(name, text) for name, text in files if f"from {modules[name]} import" in importing]


def test_errors_of_a_form_may_be_raised_as_they_are() -> None:
    class TitleForm(Form):
        title = CharField(max_length=5)

    app = Application()

    @app.route("/", ["POST"], requires_auth=False)
    def add(request: Request) -> None:
        raise ValidationError(TitleForm(request.DATA).errors)

    answer = Client(app).post("/", data={"title": "too long"})
    assert answer.status_code == 400
    (message,) = answer.json()["data"]["details"]["title"]
    assert "5" in message
