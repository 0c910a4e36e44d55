"""The OpenAPI document of resources and of deprecated views."""

from datetime import UTC, datetime
from typing import Any

from openapi_spec_validator import validate
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from lback import Application
from lback.api import PUBLIC, Filter, ModelStruct, OpenAPI, Ordering, Prefix, Resource, deprecated
from lback.database import Base

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


class Poem(Base):
    __tablename__ = "poems_of_openapi"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(80))


class PoemOut(ModelStruct, model=Poem):
    id: int


class PoemIn(ModelStruct, model=Poem, for_create=True):
    title: str


class PoemFilter(Filter, model=Poem):
    title = Prefix()
    ordering = Ordering("title")


class Poems(Resource):
    model = Poem
    read = PoemOut
    create = PoemIn
    filter = PoemFilter
    access = dict.fromkeys(("view", "add", "change", "delete"), PUBLIC)


class OldPoems(Poems):
    deprecated = SINCE


def document(app: Application) -> dict[str, Any]:
    openapi: OpenAPI = app.dependencies["openapi"]
    found: dict[str, Any] = openapi.document()
    validate(found)
    app.db_manager.dispose()
    return found


def test_a_resource_is_described_with_its_pages_and_filters() -> None:
    app = Application(DATABASE_URL="sqlite://", API_PREFIXES=["/api/"])
    for route in Poems.routes("/api/poems"):
        app.add_route(*route)
    found = document(app)

    listing = found["paths"]["/api/poems"]["get"]
    names = {parameter["name"] for parameter in listing["parameters"]}
    assert {"title", "ordering", "cursor", "limit"} <= names
    page = found["components"]["schemas"][
        listing["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].split("/")[-1]
    ]
    assert page["properties"]["items"]["items"]["$ref"].endswith("PoemOut")
    assert "deprecated" not in listing
    assert set(found["paths"]["/api/poems"]) == {"get", "post"}


def test_deprecated_views_and_resources_are_marked() -> None:
    @deprecated(SINCE)
    def old() -> PoemOut:
        raise NotImplementedError

    app = Application(DATABASE_URL="sqlite://", API_PREFIXES=["/api/"])
    app.add_route("/api/old", old, requires_auth=False)
    for route in OldPoems.routes("/api/poems"):
        app.add_route(*route)
    found = document(app)

    assert found["paths"]["/api/old"]["get"]["deprecated"] is True
    assert found["paths"]["/api/poems"]["post"]["deprecated"] is True
