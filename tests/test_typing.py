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


# What a project writes by subclassing: overrides name the types that the project knows.
SUBCLASSES = '''
"""Fields, forms, an admin and a policy as a project that is checked strictly writes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from sqlalchemy import Select, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback import Request, Response
from lback.admin import ModelAdmin, action, column, register
from lback.auth.policies import Policy, policy, readable, scoped
from lback.core.types import TypeConverter
from lback.database import Base
from lback.forms import (
    CharField,
    ChoiceField,
    Field,
    ForeignKeyField,
    IntegerField,
    Invalid,
    ModelForm,
    TextInput,
    Widget,
)
from lback.users import AdminUser, User


class Book(Base):
    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    owner_id: Mapped[int]


def quiet(value: str) -> None:
    if value.isupper():
        raise Invalid("Please do not shout.")


class Isbn(Field):
    def to_python(self, raw: str) -> str:
        return self.token(raw).replace("-", "")

    def check(self, value: str) -> None:
        if len(value) != 13:
            raise self.invalid("required")


class Upper(CharField):
    def __init__(self, *, loud: bool = False, **options: Any) -> None:
        super().__init__(max_length=80, **options)
        self.loud = loud

    def to_python(self, raw: object) -> str:
        return super().to_python(raw).upper()

    def check(self, value: str) -> None:
        super().check(value)


class Stars(Widget):
    def format(self, value: Any) -> str:
        return "*" * int(value or 0)

    def render(self, name: str, value: Any, attrs: Mapping[str, Any]) -> Markup:
        return Markup("<i id={}>{}</i>").format(attrs["id"].strip(), self.format(value))


class Shown(TextInput):
    def format(self, value: str) -> str:
        return value.upper()


class BookForm(ModelForm):
    title = Upper(validators=[quiet], label="Title")
    size = IntegerField(min_value=1, widget=Stars, required=False)
    kind = ChoiceField([(1, "Paper"), (2, "Film")])
    isbn = Isbn(widget=Shown())
    owner = ForeignKeyField(User, query=select(User), label_of_row=lambda user: user.username)

    class Meta:
        model = Book
        fields = ("title",)

    def clean_title(self) -> str:
        title: str = self.cleaned_data["title"]
        return title.strip()

    def clean(self) -> dict[str, str]:
        if self.instance.title == self.cleaned_data["title"]:
            raise Invalid("Please choose another title.")
        return {"title": self.cleaned_data["title"].strip()}


@register(Book)
class BookAdmin(ModelAdmin):
    form = BookForm
    actions = ("publish",)

    def label_of(self, row: Book) -> str:
        return row.title

    def allows(self, user: AdminUser, action: str, row: Book | None = None) -> bool:
        return row is None or row.title != "secret"

    def fields_read_only(self, user: AdminUser, row: Book | None) -> Sequence[str]:
        return () if row is None else ("title",)

    def before_save(self, request: Request, form: ModelForm) -> None:
        form.instance.owner_id = request.user.id

    @action("Publish")
    def publish(self, session: Session, rows: list[Book]) -> str:
        return rows[0].title

    @column("Length")
    def length(self, row: Book) -> int:
        return len(row.title)


@policy(Book)
class BookPolicy(Policy):
    def scope(self, user: User | None, statement: Select[Any]) -> Select[Any]:
        return statement.where(Book.owner_id == (user.id if user else 0))

    def allows(self, user: User, action: str, row: Book) -> bool:
        return row.owner_id == user.id


class Year(TypeConverter):
    regex = "[0-9]{4}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return f"{value:04}"


def show(request: Request) -> dict[str, object]:
    rows = request.db_session.scalars(scoped(request.user, select(Book))).all()
    first = readable(request.db_session, request.user, rows)[0]
    form = BookForm.of(request, instance=first)
    response = Response()
    response.set_cookie("seen", first.title, max_age=60)
    request.get_service("mailer").send(form.save().title)
    return {
        "title": first.title.strip(),
        "size": form.cleaned_data["size"] + 1,
        "tag": request.DATA["tags"][0],
        "next": request.path_params["number"] + 1,
        "agent": request.META["HTTP_USER_AGENT"].strip(),
    }
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


def test_subclasses_with_the_types_of_a_project_pass_it(tmp_path: Path) -> None:
    (tmp_path / "subclasses.py").write_text(SUBCLASSES)
    assert check(tmp_path) == ""


def test_a_misspelled_option_of_a_field_is_found(tmp_path: Path) -> None:
    (tmp_path / "subclasses.py").write_text(SUBCLASSES.replace("min_value=1", "minimum=1"))
    assert 'Unexpected keyword argument "minimum" for "IntegerField"' in check(tmp_path)


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
