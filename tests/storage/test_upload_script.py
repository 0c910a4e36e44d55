"""The script of resumable uploads in a browser, under the strict policy of the framework."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback import Application, HTMLResponse, Request, Response
from lback.database import Base
from lback.forms import FileField, Form
from lback.storage import S3Storage, StoredFile, mapped_file, start_direct_upload
from lback.translation import language

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class Clip(Base):
    __tablename__ = "test_storage_clips"

    id: Mapped[int] = mapped_column(primary_key=True)
    reel: Mapped[StoredFile] = mapped_file(folder="clips")


class ClipForm(Form):
    reel = FileField(uploads_url="/uploads/", max_size=100_000_000)


class DirectClipForm(Form):
    reel = FileField(direct_url="/begin?album=7", max_size=100_000_000)


def begin(request: Request) -> Response | dict[str, object]:
    assert request.query_params["album"] == "7"
    size = int(request.query_params["size"])
    if size > 10_000_000:
        return Response("", 413)
    upload = start_direct_upload(request, request.query_params["name"], size=size, max_size=size)
    return upload.as_dict()


def direct_clips(request: Request, db_session: Session) -> Response:
    return clips(request, db_session, DirectClipForm)


def german_clips(request: Request, db_session: Session) -> Response:
    with language("de"):
        return clips(request, db_session, DirectClipForm, "de")


def clips(
    request: Request, db_session: Session, form_class: type[Form] = ClipForm, code: str = "en"
) -> Response:
    form = form_class.of(request)
    if form.is_valid():
        db_session.add(Clip(reel=form.cleaned_data["reel"]))
        return HTMLResponse(f"<title>Stored</title>{'reel-upload' in request.POST}")
    body = (
        f'<!doctype html><html lang="{code}"><title>Clips</title><main><h1>Clips</h1>'
        f'<script src="/uploads/upload.js" defer></script><form method="post" '
        f'enctype="multipart/form-data">{form.as_div}<button>Upload</button></form></main></html>'
    )
    return HTMLResponse(body)


@pytest.fixture
def sources() -> list[str]:
    """Hosts that scripts may send to."""
    return ["'self'"]


@pytest.fixture
def app(tmp_path: Path, sources: list[str]) -> Iterator[Application]:
    app = Application(
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASE_URL=f"sqlite:///{tmp_path / 'test.sqlite3'}",
        MIDDLEWARES=[
            "lback.middleware.SecurityHeadersMiddleware",
            "lback.middleware.BodyParsingMiddleware",
        ],
        CONTENT_SECURITY_POLICY={"connect-src": sources},
        LANGUAGES=["en", "de"],
        STORAGES={"default": {"path": str(tmp_path / "media")}},
    )
    app.include("lback.storage.upload_urls", "/uploads/", requires_auth=False)
    app.add_route("/clips", clips, ["GET", "POST"], requires_auth=False)
    app.add_route("/direct", direct_clips, ["GET", "POST"], requires_auth=False)
    app.add_route("/german", german_clips, ["GET", "POST"], requires_auth=False)
    app.add_route("/begin", begin, requires_auth=False)
    app.db_manager.create_tables()
    yield app
    with app.db_manager.session() as session:
        session.execute(delete(Clip))
    app.db_manager.dispose()


def test_a_file_is_sent_in_parts_after_a_failure(
    app: Application,
    serve: Callable[[Any], str],
    chromium: "Browser",
    tmp_path: Path,
    serious_findings: Callable[[Any], list[str]],
) -> None:
    content = bytes(range(256)) * 80_000  # 20.48 MB, three parts
    (tmp_path / "clip.mp4").write_bytes(content)
    parts: list[str] = []

    def answer(route: Any) -> None:
        """Let the second part fail once, as a lost connection does."""
        parts.append(route.request.headers["upload-offset"])
        if len(parts) == 2:
            route.abort()
        else:
            route.continue_()

    page = chromium.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.goto(f"{serve(app)}/clips")
    page.route("**/uploads/*", lambda route: (
        answer(route) if route.request.method == "PATCH" else route.continue_()
    ))  # fmt: skip
    page.set_input_files("input[type=file]", str(tmp_path / "clip.mp4"))
    page.evaluate(
        "window.seen = []; new MutationObserver(() => {"
        "const bar = document.querySelector('progress');"
        "if (bar) window.seen.push(bar.parentNode.textContent);"
        "sessionStorage.seen = window.seen.join(); })"
        ".observe(document.body, {childList: true, subtree: true, characterData: true})"
    )
    assert serious_findings(page) == []
    page.click("button")
    page.get_by_text("True").wait_for()
    assert parts == ["0", "8388608", "8388608", "16777216"]
    assert "%" in page.evaluate("sessionStorage.seen")
    assert page.evaluate("localStorage.length") == 0
    assert not [text for text in errors if "Content Security Policy" in text]
    page.close()
    with app.db_manager.session() as session:
        reel = session.query(Clip).one().reel
        assert (reel.filename, reel.size) == ("clip.mp4", len(content))
        with reel.open() as file:
            assert file.read() == content
    left = [path for path in (tmp_path / "media").rglob("*") if path.is_file()]
    assert len(left) == 1


def send(page: Any, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    page.set_input_files("input[type=file]", str(path))
    page.click("button")


@pytest.mark.parametrize(
    ("kind", "sources"), [("folder", ["'self'"]), ("s3", ["'self'", "http://127.0.0.1:*"])]
)
def test_a_file_is_sent_to_the_storage_itself(
    kind: str,
    app: Application,
    serve: Callable[[Any], str],
    chromium: "Browser",
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if kind == "s3":
        s3: S3Storage = request.getfixturevalue("s3_storage")
        s3.name = "default"
        app.dependencies["storages"]._storages["default"] = s3
    content = bytes(range(256)) * 8000
    page = chromium.new_page()
    posts: list[str] = []
    page.on("request", lambda sent: posts.append(sent.url) if sent.method == "POST" else None)
    address = serve(app)
    page.goto(f"{address}/direct")
    send(page, tmp_path / "clip.mp4", content)
    page.get_by_text("True").wait_for()
    page.close()
    assert len(posts) == 2
    assert posts[0].startswith(address) == (kind == "folder")
    with app.db_manager.session() as session:
        reel = session.query(Clip).one().reel
        assert (reel.filename, reel.size) == ("clip.mp4", len(content))
        with reel.open() as file:
            assert file.read() == content


def test_a_refusal_is_shown_in_the_language_of_the_page(
    app: Application,
    serve: Callable[[Any], str],
    chromium: "Browser",
    tmp_path: Path,
    serious_findings: Callable[[Any], list[str]],
) -> None:
    page = chromium.new_page()
    page.goto(f"{serve(app)}/german")
    for _ in range(2):
        send(page, tmp_path / "clip.mp4", bytes(10_000_001))
        page.get_by_role("alert").get_by_text("Die Datei wurde abgelehnt").wait_for()
        assert page.get_by_role("alert").count() == 1
    assert page.get_by_role("button", name="Upload").is_enabled()
    assert serious_findings(page) == []
    page.close()
