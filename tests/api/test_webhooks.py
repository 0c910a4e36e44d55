"""Webhooks in the OpenAPI document, as `API_WEBHOOKS` names them."""

import sys
from types import ModuleType
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import validate

from lback import Application, ConfigurationError
from lback.api import Webhook, breaking_changes
from lback.testing import Client


class Order(msgspec.Struct):
    """An order of the shop."""

    number: int
    note: str = ""


class Book(msgspec.Struct):
    title: str


PAID = Webhook("order-paid", Order, "An order was paid", example={"number": 7, "note": ""})
SENT = Webhook("order-sent", list[Order], description="Once a **day**.", tags=["orders"])


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("shop_webhooks")
    module.__dict__.update(
        paid=PAID, sent=[PAID, SENT], order=Order, other=Webhook("order-paid", Book)
    )
    monkeypatch.setitem(sys.modules, "shop_webhooks", module)
    return module


def document(*paths: str, version: str = "3.1") -> dict[str, Any]:
    app = Application(DEBUG=True, API_WEBHOOKS=list(paths))
    found: dict[str, Any] = app.dependencies["openapi"].document(version)
    return found


@pytest.mark.parametrize("version", ["3.1", "3.2"])
def test_what_is_sent_is_documented(shop: ModuleType, version: str) -> None:
    built = document("shop_webhooks.paid", "shop_webhooks.sent", version=version)
    validate(built)
    assert list(built["webhooks"]) == ["order-paid", "order-sent"]
    paid, sent = (item["post"] for item in built["webhooks"].values())
    assert paid["summary"] == "An order was paid"
    body = paid["requestBody"]["content"]["application/json"]
    assert body == {
        "schema": {"$ref": "#/components/schemas/Order"},
        "example": {"number": 7, "note": ""},
    }
    assert (sent["summary"], sent["description"]) == ("order-sent", "Once a **day**.")
    # Receivers may rely on each field, those with a default too.
    assert built["components"]["schemas"]["Order"]["required"] == ["number", "note"]
    assert [tag["name"] for tag in built["tags"]] == ["webhooks", "orders"]


def test_a_document_without_webhooks_has_no_list_of_them() -> None:
    assert "webhooks" not in document()


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["shop_webhooks.payd"], "has no 'payd'; did you mean paid"),
        (["shop_webhooks.order"], "shop_webhooks.order is or holds"),
        (["paid"], "'paid' is not a dotted path"),
        (
            ["shop_webhooks.paid", "shop_webhooks.other"],
            "shop_webhooks.paid and shop_webhooks.other both have a webhook with the name",
        ),
    ],
)
def test_a_mistake_stops_the_start(shop: ModuleType, paths: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Application(DEBUG=True, API_WEBHOOKS=paths).prepare()
    assert "API_WEBHOOKS" in str(raised.value)
    assert message in str(raised.value)


def test_changes_that_break_receivers_are_named(shop: ModuleType) -> None:
    before = document("shop_webhooks.sent")
    assert breaking_changes(before, before) == []
    assert breaking_changes(before, document("shop_webhooks.paid")) == [
        "webhook order-sent was removed"
    ]
    assert breaking_changes(document("shop_webhooks.paid"), document("shop_webhooks.other")) == [
        "webhook order-paid no longer has the field 'number' of the body",
        "webhook order-paid no longer has the field 'note' of the body",
    ]


def test_the_page_of_the_documentation_shows_them(shop: ModuleType) -> None:
    app = Application(DEBUG=True, API_WEBHOOKS=["shop_webhooks.sent"])
    app.include("lback.api.urls", "/docs")
    text = Client(app).get("/docs/", headers={"Accept": "text/html"}).text
    assert '<a href="#webhook-order-paid">' in text
    assert text.count("A webhook: this application sends it.") == 2
