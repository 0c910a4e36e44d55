"""Contract tests: the fixture of a project, and the differences that it finds."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from lback import Application, ConfigurationError, Request, Response
from lback.api import Status, describe
from lback.auth import permission_required
from lback.testing import ApiContract

PROJECT = {
    "settings.py": """
        DEBUG = False
        SECRET_KEY = "kT4-q9ZpW2_xR7mL8vNc"
        ALLOWED_HOSTS = ["shop.example"]
        ROOT_URLCONF = "urls"
        INSTALLED_APPS = ["shop"]
    """,
    "shop/__init__.py": "",
    "shop/models.py": """
        from sqlalchemy import String
        from sqlalchemy.orm import Mapped, mapped_column
        from lback.database import Base

        class Item(Base):
            __tablename__ = "contract_items"
            id: Mapped[int] = mapped_column(primary_key=True)
            number: Mapped[int]
    """,
    "urls.py": """
        from typing import Annotated
        import msgspec
        from lback import path
        from lback.api import ModelStruct, Status
        from lback.auth import permission_required
        from shop.models import Item
        from sqlalchemy import select

        class ItemOut(ModelStruct, model=Item):
            pass

        class ItemIn(ModelStruct, model=Item, for_create=True):
            number: Annotated[int, msgspec.Meta(ge=0, le=100)]

        def show(request, db_session) -> list[ItemOut]:
            return [ItemOut.from_row(item) for item in db_session.scalars(select(Item).limit(9))]

        @permission_required("items.add")
        def add(request, db_session, new: ItemIn) -> Annotated[ItemOut, Status(201)]:
            item = Item(**new.to_values())
            db_session.add(item)
            db_session.flush()
            return ItemOut.from_row(item)

        urlpatterns = [
            path("/items", show, ["GET"], "items", requires_auth=False),
            path("/items", add, ["POST"], "add_item"),
        ]
    """,
    "test_api": """
        from sqlalchemy import func, select

        def test_the_api_does_what_it_documents(api_contract):
            report = api_contract.check(permissions=["items.add"], max_examples=5)
            assert report.succeeded == {"GET /items", "POST /items"}

        def test_nothing_is_left(client, db_session):
            assert client.get("/items").json() == []
    """,
}


def test_a_project_checks_its_api_in_three_lines(pytester: pytest.Pytester) -> None:
    import textwrap

    for name, text in PROJECT.items():
        path = pytester.path / (name if "." in name else f"{name}.py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:randomly")
    result.assert_outcomes(passed=2)


class Item(msgspec.Struct):
    number: int


class NewItem(msgspec.Struct, forbid_unknown_fields=True):
    number: Annotated[int, msgspec.Meta(ge=0, le=9)]


def right(new: NewItem) -> Annotated[Item, Status(201)]:
    return Item(new.number)


def raises(new: NewItem) -> Annotated[Item, Status(201)]:
    return Item(1 // new.number)


def undocumented_status(new: NewItem) -> Annotated[Item, Status(201)]:
    return Response('{"number": 1}', 200, content_type="application/json")  # type: ignore[return-value]  # the mistake


def undocumented_error(new: NewItem) -> Annotated[Item, Status(201)]:
    from lback.api import Problem

    raise Problem(410)


@describe(errors=[410])
def documented_error(new: NewItem) -> Annotated[Item, Status(201)]:
    from lback.api import Problem

    raise Problem(410) if new.number > 20 else Problem(409)


@permission_required("items.add")
def guarded(request: Request, new: NewItem) -> Annotated[Item, Status(201)]:
    return Item(new.number)


def build(tmp_path: Path, view: Any, **settings: Any) -> Application:
    app = Application(
        DEBUG=False,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        DATABASE_URL=f"sqlite:///{tmp_path / 'site.sqlite3'}",
        **settings,
    )
    app.add_route("/items", view, ["POST"], "add_item", requires_auth=False)
    app.db_manager.create_tables()
    return app


def check(app: Application, **options: Any) -> Any:
    try:
        return ApiContract(app).check(max_examples=5, **options)
    finally:
        app.db_manager.dispose()


@pytest.mark.parametrize("view", [right, guarded])
def test_a_view_that_keeps_its_promises_passes(tmp_path: Path, view: Any) -> None:
    report = check(build(tmp_path, view), permissions=["items.add"])
    assert report.operations == report.succeeded == {"POST /items"}
    assert report.calls > 10


@pytest.mark.parametrize(
    ("view", "name"),
    [
        (raises, "not_a_server_error"),
        (undocumented_status, "status_code_conformance"),
        (undocumented_error, "status_code_conformance"),
        (documented_error, "status_code_conformance"),
    ],
)
def test_a_view_that_breaks_them_is_found(tmp_path: Path, view: Any, name: str) -> None:
    with pytest.raises(AssertionError, match=f"{name} of POST /items"):
        check(build(tmp_path, view))


def test_a_check_may_be_skipped(tmp_path: Path) -> None:
    skipped = ["status_code_conformance", "positive_data_acceptance", "response_schema_conformance"]
    check(build(tmp_path, undocumented_status), skip_checks=skipped)


def test_an_api_without_operations_is_no_success(tmp_path: Path) -> None:
    app = Application(DATABASE_URL=f"sqlite:///{tmp_path / 'site.sqlite3'}", DEBUG=True)
    app.db_manager.create_tables()
    with pytest.raises(AssertionError, match="has no operation that could be called"):
        check(app)


def test_invalid_settings_are_an_error_before_the_first_call(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ALLOWED_HOSTS"):
        app = build(tmp_path, right)
        app.config.ALLOWED_HOSTS = []
        check(app)
