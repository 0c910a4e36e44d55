"""Models with unusual keys and rules are looked after like any other."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from sqlalchemy import JSON, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lback import Application, Request
from lback.admin import Inline, ModelAdmin
from lback.database import Base
from lback.forms import ModelForm
from lback.testing import Client

KEYS = ["plain", "a/b", "c,d", "50%", "é ü", "..", "x?y#z", "<b>"]


class UnusualTool(Base):
    __tablename__ = "unusual_tools"
    __table_args__ = (CheckConstraint("weight > 0", name="heavy"),)

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    weight: Mapped[int]
    maker_id: Mapped[UUID | None] = mapped_column(ForeignKey("unusual_makers.id"))
    parts: Mapped[list["UnusualPart"]] = relationship(
        back_populates="tool", cascade="all, delete-orphan"
    )


class UnusualMaker(Base):
    __tablename__ = "unusual_makers"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(40))


class UnusualPlan(Base):
    __tablename__ = "unusual_plans"

    id: Mapped[int] = mapped_column(primary_key=True)
    steps: Mapped[dict[str, Any]] = mapped_column(JSON)
    order: Mapped[list[int]] = mapped_column(JSON)


class UnusualPart(Base):
    __tablename__ = "unusual_parts"

    tool_code: Mapped[str] = mapped_column(ForeignKey("unusual_tools.code"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    note: Mapped[str | None] = mapped_column(String(40))
    tool: Mapped[UnusualTool] = relationship(back_populates="parts")


class ToolAdmin(ModelAdmin):
    slug = "tool"
    list_columns = ("code", "weight")
    search_columns = ("=code", "weight")
    filters = ("weight", "maker_id")
    inlines = (Inline("parts"),)

    def before_save(self, request: Request, form: ModelForm) -> None:
        if form.cleaned_data.get("weight") == 13:
            form.add_error("weight", "Not this one.")


class MakerAdmin(ModelAdmin):
    slug = "maker"


class PlanAdmin(ModelAdmin):
    slug = "plan"
    list_columns = ("id", "steps", "order")


@pytest.fixture(scope="module")
def gallery_app(gallery_app: Application) -> Iterator[Application]:
    """The gallery with a workshop beside it."""
    registry = gallery_app.admin_registry
    registry.register(UnusualTool, ToolAdmin)
    registry.register(UnusualMaker, MakerAdmin)
    registry.register(UnusualPlan, PlanAdmin)
    gallery_app.db_manager.create_tables()
    yield gallery_app
    registry.unregister(UnusualTool)
    registry.unregister(UnusualMaker)
    registry.unregister(UnusualPlan)


@pytest.fixture
def tools(session: Any) -> list[UnusualTool]:
    rows = [UnusualTool(code=key, weight=5 + n) for n, key in enumerate(KEYS)]
    session.add_all(rows)
    session.commit()
    return rows


def links(page: str) -> list[str]:
    return re.findall(r'href="(/admin/tool/row/[^"]+)"', page.partition("<tbody")[2])


def test_keys_of_any_text(ada: Client, tools: Any, form_of: Any, session: Any) -> None:
    found = links(ada.get("/admin/tool").text)
    assert len(found) == len(KEYS)
    for url in found:
        page = ada.get(url)
        assert page.status_code == 200, url
        data = form_of(page.text) | {"weight": "77"}
        assert ada.post(url, data=data).status_code == 303, url
        assert ada.get(f"{url}/history").status_code == 200
    session.expire_all()
    assert {tool.weight for tool in tools} == {77}
    chosen = re.findall(r'name="key" value="([^"]+)"', ada.get("/admin/tool").text)
    data = {"action": "delete", "key": chosen, "confirmed": "yes"}
    assert (
        "8 unusual tools deleted." in ada.post("/admin/tool", data=data, follow_redirects=True).text
    )
    session.expire_all()
    assert session.query(UnusualTool).count() == 0


def test_a_key_is_entered_once(ada: Client, tools: Any, form_of: Any) -> None:
    data = form_of(ada.get("/admin/tool/add").text) | {"code": "plain", "weight": "3"}
    answer = ada.post("/admin/tool/add", data=data)
    assert answer.status_code == 422
    assert "This value is already in use. Please choose another one." in answer.text


def test_a_rule_that_only_the_database_knows(ada: Client, tools: Any, form_of: Any) -> None:
    data = form_of(ada.get("/admin/tool/add").text) | {"code": "new", "weight": "-1"}
    answer = ada.post("/admin/tool/add", data=data)
    assert answer.status_code == 422
    assert "These values cannot be saved together" in answer.text
    assert 'value="-1"' in answer.text
    data |= {"weight": "13"}
    assert "Not this one." in ada.post("/admin/tool/add", data=data).text
    assert ada.post("/admin/tool/add", data=data | {"weight": "1"}).status_code == 303


def test_inline_rows_with_a_key_of_two_columns(
    ada: Client, tools: Any, form_of: Any, session: Any
) -> None:
    url = f"/admin/tool/row/{tools[0].code}"
    data = form_of(ada.get(url).text)
    data |= {"parts-0-number": "1", "parts-0-note": "Handle"}
    assert ada.post(url, data=data).status_code == 303
    data = form_of(ada.get(url).text)
    assert data["parts-0-KEY"] == "plain,1"
    assert ada.post(url, data=data | {"parts-0-note": "Grip"}).status_code == 303
    session.expire_all()
    assert [(part.number, part.note) for part in tools[0].parts] == [(1, "Grip")]
    assert "1 unusual part" in ada.get(f"{url}/delete").text


def test_filters_on_plain_columns(ada: Client, tools: Any, session: Any, form_of: Any) -> None:
    maker = UnusualMaker(name="Smith")
    session.add(maker)
    session.flush()
    tools[1].maker_id = maker.id
    session.commit()
    assert len(links(ada.get("/admin/tool?is-weight=6").text)) == 1
    assert len(links(ada.get("/admin/tool?is-weight=x").text)) == 8
    assert len(links(ada.get(f"/admin/tool?is-maker_id={maker.id}").text)) == 1
    assert len(links(ada.get("/admin/tool?is-maker_id=~").text)) == 7
    assert len(links(ada.get("/admin/tool?is-maker_id=x").text)) == 8
    assert len(links(ada.get(f"/admin/tool?q={quote('c,d')}").text)) == 1
    assert ada.get(f"/admin/maker/row/{maker.id}").status_code == 200
    assert ada.get("/admin/maker/row/x").status_code == 404
    data = form_of(ada.get(f"/admin/tool/row/{quote('c,d').replace('%', '%25')}").text)
    assert data["maker_id"] == ""


def test_json_is_shown_as_json_and_is_not_sorted_by(ada: Client, session: Any) -> None:
    session.add(UnusualPlan(steps={"a": [1, "ü", None]}, order=[3, 1, 2]))
    session.commit()
    page = ada.get("/admin/plan?sort=steps")
    assert page.status_code == 200
    assert "sort=steps" not in page.text
    assert "sort=id" in page.text
    assert "{&#34;a&#34;: [1, &#34;ü&#34;, null]}" in page.text
    assert "3, 1, 2" in page.text
    [_, line] = ada.get("/admin/plan/export.csv").text.splitlines()
    assert line == '1,"{""a"": [1, ""ü"", null]}","3, 1, 2"'
