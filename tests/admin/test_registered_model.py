"""A mistake in the options stops the start, and says where it is and what would work."""

from typing import Any

import pytest
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lback import Application, ConfigurationError
from lback.admin import AdminRegistry, Inline, ModelAdmin, action
from lback.database import Base
from lback.forms.identity import model_name, plural_of


class SectionBoat(Base):
    __tablename__ = "section_boats"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    password_hash: Mapped[str | None] = mapped_column(String(40))
    sails: Mapped[list["SectionSail"]] = relationship(back_populates="boat")

    @property
    def shouted(self) -> str:
        return self.name.upper()


class SectionSail(Base):
    __tablename__ = "section_sails"

    id: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int]
    boat_id: Mapped[int] = mapped_column(ForeignKey("section_boats.id"))
    boat: Mapped[SectionBoat] = relationship(back_populates="sails")


def prepare(model: type[Any] = SectionBoat, **options: Any) -> AdminRegistry:
    registry = AdminRegistry()
    registry.register(model, type("BoatAdmin", (ModelAdmin,), options))
    registry.prepare()
    return registry


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"list_columns": ("nmae",)}, r"BoatAdmin of SectionBoat.list_columns names 'nmae', which "
         r"is not an attribute of SectionBoat; did you mean 'name'\?"),
        ({"list_columns": ("sails.size",)}, r"SectionBoat.sails is not a to-one"),
        ({"list_columns": "name"}, r"list_columns is the text 'name'; write \('name',\)"),
        ({"list_colums": ("name",)}, r"sets 'list_colums', which is not an option; options are"),
        ({"list_links": ("id",), "list_columns": ("name",)}, r"'id', which is not in list_columns"),
        ({"search_columns": ("^shouted",)}, r"'\^shouted', which is not a searchable"),
        ({"filters": ("shouted",)}, r"filters names 'shouted', which is neither a column"),
        ({"filters": ("colour",)}, r"filters names 'colour', which is not an attribute of "),
        ({"ordering": ("-shouted",)}, r"ordering names '-shouted', which is not a column"),
        ({"date_hierarchy": "name"}, r"date_hierarchy names 'name', which is not a date"),
        ({"page_size": 0}, r"page_size is 0; use 1 to 500"),
        ({"fields": ("shouted",)}, r"'shouted', which is not stored; put it into read_only"),
        ({"fields": ("colour",)}, r"fields names 'colour'"),
        ({"inlines": (Inline("sail"),)}, r"no one-to-many relationship 'sail'; it has sails"),
        ({"inlines": (Inline("sails", fields=("syze",)),)}, r"did you mean 'size'"),
        ({"actions": ("sink",)}, r"actions names 'sink', which is not an action; write @action"),
        ({"export_columns": ("nope",)}, r"export_columns names 'nope'"),
        ({"slug": "History"}, r"has the slug 'History'; use letters a to z"),
        ({"slug": "static"}, r"none of history, password, sign-in"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        prepare(**options)


def test_options_that_are_none() -> None:
    registry = AdminRegistry()
    registry.register(SectionBoat, {"list": ["name"]})
    with pytest.raises(
        ConfigurationError, match=r"SectionBoat is registered .* inherits from lback"
    ):
        registry.prepare()


def test_two_sections_of_one_name() -> None:
    registry = AdminRegistry()
    registry.register(SectionBoat, type("A", (ModelAdmin,), {"slug": "b"}))
    registry.register(SectionSail, type("B", (ModelAdmin,), {"slug": "b"}))
    with pytest.raises(
        ConfigurationError, match=r"A of SectionBoat and .*B of SectionSail both|both"
    ):
        registry.prepare()


def test_a_mistake_stops_the_start() -> None:
    app = Application(DEBUG=True, DATABASE_URL="sqlite://")
    app.admin_registry.register(SectionBoat, type("A", (ModelAdmin,), {"filters": ("x",)}))
    with pytest.raises(ConfigurationError, match="filters names 'x'"):
        app.prepare()


def test_what_is_shown_where_nothing_is_said() -> None:
    section = prepare().registered_models["section-boat"]
    assert (section.label, section.label_plural) == (
        "Section boat",
        "Section boats",
    )
    assert [column.name for column in section.columns] == ["id", "name"]
    assert section.field_names == ["name"]
    assert section.links == {"id"}


def test_properties_and_methods_are_shown() -> None:
    class BoatAdmin(ModelAdmin):
        list_columns = ("name", "shouted", "length")
        fields = ("name", "shouted")
        read_only = ("shouted",)
        actions = ("sink",)

        def length(self, row: SectionBoat) -> int:
            return len(row.name)

        @action("Sink")
        def sink(self, session: Any, rows: Any) -> None: ...

    registry = AdminRegistry()
    registry.register(SectionBoat, BoatAdmin)
    registry.prepare()
    section = registry.registered_models["section-boat"]
    boat = SectionBoat(name="Ada")
    assert [column.value(boat) for column in section.columns] == ["Ada", "ADA", 3]
    assert list(section.form_class.base_fields()) == ["name"]


@pytest.mark.parametrize(
    ("name", "plural"),
    [("box", "boxes"), ("city", "cities"), ("day", "days"), ("boat", "boats"), ("wish", "wishes")],
)
def test_plurals(name: str, plural: str) -> None:
    assert plural_of(name) == plural


def test_names_of_models() -> None:
    assert model_name(type("BlogPost", (), {})) == "blog post"
    assert model_name(type("URLTag", (), {})) == "urltag"
