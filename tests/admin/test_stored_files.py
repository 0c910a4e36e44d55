"""Files of rows in the admin: uploaded, linked, shown, replaced and removed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Mapped, mapped_column

from lback import Application
from lback.admin import ModelAdmin
from lback.database import Base
from lback.forms import FileField, ImageField, ModelForm
from lback.storage import Storage, StoredFile, mapped_file
from lback.testing import Client
from lback.users import AdminUser, define_role
from tests.admin.conftest import HASH, MIDDLEWARES, signed_in

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x05\0\0\0\x04" + b"\0" * 20
PDF = b"%PDF-1.7 text"


class Sketch(Base):
    __tablename__ = "test_admin_sketches"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    picture: Mapped[StoredFile | None] = mapped_file(folder="sketches", images=True)
    contract: Mapped[StoredFile | None] = mapped_file(folder="contracts")


class SketchAdmin(ModelAdmin):
    list_columns = ("title", "picture")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    app = Application(
        DEBUG=True,
        SECRET_KEY="a key for tests only, of length",
        DATABASE_URL=f"sqlite:///{tmp_path / 'test.sqlite3'}",
        MIDDLEWARES=MIDDLEWARES,
        STORAGES={"default": {"backend": "memory"}},
    )
    app.admin_registry.register(Sketch, SketchAdmin)
    app.include("lback.admin.urls", "/admin")
    app.db_manager.create_tables()
    with app.db_manager.session() as session:
        session.add(AdminUser(username="ada", password_hash=HASH, is_superuser=True))
    yield app
    with app.db_manager.session() as session:
        session.execute(delete(Sketch))
    app.db_manager.dispose()


@pytest.fixture
def ada(app: Application) -> Client:
    return signed_in(app, "ada")


def stored(app: Application) -> dict[str, bytes]:
    """Return the content of each file by the first part of its name."""
    storage: Storage = app.dependencies["storage"]
    return {file.name.partition("/")[0]: storage.open(file.name).read() for file in storage.list()}


def test_the_fields_of_a_model_form(app: Application) -> None:
    class SketchForm(ModelForm):
        class Meta:
            model = Sketch
            fields = "__all__"

    fields = SketchForm().fields
    assert type(fields["picture"]) is ImageField
    assert type(fields["contract"]) is FileField
    assert not fields["picture"].required


def test_files_are_uploaded_shown_replaced_and_removed(
    app: Application, ada: Client, form_of: Callable[[str], dict[str, Any]]
) -> None:
    data = form_of(ada.get("/admin/sketch/add").text) | {"title": "Sea"}
    files = {"picture": ("a.png", PNG, "image/png"), "contract": ("b.pdf", PDF, "text/html")}
    answer = ada.post("/admin/sketch/add", data=data, files=files)
    assert answer.status_code == 303, answer.text
    assert stored(app) == {"sketches": PNG, "contracts": PDF}

    url = "/admin/sketch/row/1"
    page = ada.get(url).text
    assert '<img class="preview" src="/admin/sketch/row/1/file/picture"' in page
    assert ">a.png</a> is stored" in page
    assert ">b.pdf</a> is stored" in page
    assert "a.png" in ada.get("/admin/sketch").text
    picture = ada.get(f"{url}/file/picture")
    assert (picture.body, picture.headers["content-type"]) == (PNG, "image/png")
    assert picture.headers["content-disposition"] == 'inline; filename="a.png"'
    contract = ada.get(f"{url}/file/contract")
    assert contract.headers["content-disposition"] == 'attachment; filename="b.pdf"'
    assert "sandbox" in contract.headers["content-security-policy"]

    kept = ada.post(url, data=form_of(page) | {"title": "Lake"})
    assert kept.status_code == 303, kept.text
    assert stored(app) == {"sketches": PNG, "contracts": PDF}

    larger = PNG + b"more"
    data = form_of(ada.get(url).text)
    answer = ada.post(url, data=data, files={"picture": ("c.png", larger, "image/png")})
    assert answer.status_code == 303, answer.text
    assert stored(app) == {"sketches": larger, "contracts": PDF}

    data = form_of(ada.get(url).text) | {"picture-clear": "on"}
    assert ada.post(url, data=data).status_code == 303
    assert stored(app) == {"contracts": PDF}
    assert ada.get(f"{url}/file/picture").status_code == 404

    assert ada.post(f"{url}/delete", data={"confirmed": "yes"}).status_code == 303
    assert stored(app) == {}


def test_a_refused_form_stores_nothing(
    app: Application, ada: Client, form_of: Callable[[str], dict[str, Any]]
) -> None:
    data = form_of(ada.get("/admin/sketch/add").text) | {"title": ""}
    answer = ada.post("/admin/sketch/add", data=data, files={"picture": ("a.png", PNG, "x")})
    assert answer.status_code == 422
    data["title"] = "Sea"
    for name, content in (("a.svg", b"<svg/>"), ("a.png", b"<svg/>"), ("a.pdf", PDF)):
        answer = ada.post("/admin/sketch/add", data=data, files={"picture": (name, content, "x")})
        assert answer.status_code == 422
    assert stored(app) == {}


def test_a_file_is_read_by_those_who_may_see_the_row(
    app: Application, ada: Client, form_of: Callable[[str], dict[str, Any]]
) -> None:
    data = form_of(ada.get("/admin/sketch/add").text) | {"title": "Sea"}
    ada.post("/admin/sketch/add", data=data, files={"picture": ("a.png", PNG, "x")})
    with app.db_manager.session() as session:
        define_role(session, "reader", ["other.view"])
        hal = AdminUser(username="hal", password_hash=HASH)
        session.add(hal)
        app.admin_user_manager.set_roles(session, hal, ["reader"])
    url = "/admin/sketch/row/1/file/picture"
    assert ada.get(url).status_code == 200
    assert signed_in(app, "hal").get(url).status_code in (403, 404)
    assert Client(app).get(url).status_code in (302, 303)
