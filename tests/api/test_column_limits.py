"""Input by the columns of a model: what a database would round, cut or refuse is refused before."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Numeric, String
from sqlalchemy.orm import Mapped, mapped_column

from lback import Application
from lback.api import ModelStruct
from lback.api.column_limits import Digits
from lback.core.http.decimal_digits import digit_counts
from lback.database import Base
from lback.testing import Client


class ApiCoin(Base):
    __tablename__ = "api_test_coins"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(10))
    note: Mapped[str | None] = mapped_column(String(5))
    price: Mapped[Decimal] = mapped_column(Numeric(6, 2))
    weight: Mapped[Decimal | None] = mapped_column(Numeric(4))


class CoinIn(ModelStruct, model=ApiCoin, for_create=True, rename="camel"):
    title: str
    note: str | None = None


class CoinChanges(ModelStruct, model=ApiCoin, partial=True):
    title: str | msgspec.UnsetType = msgspec.UNSET


class CoinOut(ModelStruct, model=ApiCoin):
    pass


class Coins(msgspec.Struct):
    coins: list[CoinIn]


def add_coins(coins: Coins) -> dict[str, int]:
    return {"number": len(coins.coins)}


@pytest.fixture
def client() -> Iterator[Client]:
    app = Application(DEBUG=True, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc")
    app.add_route("/coins", add_coins, ["POST"], requires_auth=False)
    yield Client(app)


def errors(client: Client, *coins: dict[str, Any]) -> list[tuple[str, str]]:
    answer = client.post("/coins", json={"coins": coins})
    assert answer.status_code == 422
    return [(error["pointer"], error["detail"]) for error in answer.json()["errors"]]


GOOD = {"title": "Florin", "price": "9999.99"}


def test_numbers_that_the_column_would_round_or_refuse(client: Client) -> None:
    wrong = [{**GOOD, "price": price} for price in ("1.005", "10000", 0.125, "1e5", "12345678.9")]
    assert errors(client, *wrong) == [
        ("/coins/0/price", "Must have at most 2 digits after the point."),
        ("/coins/1/price", "Must have at most 4 digits before the point."),
        ("/coins/2/price", "Must have at most 2 digits after the point."),
        ("/coins/3/price", "Must have at most 4 digits before the point."),
        ("/coins/4/price", "Must have at most 4 digits before the point."),
    ]
    assert errors(client, {**GOOD, "price": "0.001", "weight": 1.5}) == [
        ("/coins/0/price", "Must have at most 2 digits after the point."),
        ("/coins/0/weight", "Must have at most 0 digits after the point."),
    ]


@pytest.mark.parametrize("price", ["9999.99", "-9999.99", 0, 12.5, "1.50", "1.5000", "1E+3", "0"])
def test_numbers_that_fit(client: Client, price: object) -> None:
    answer = client.post("/coins", json={"coins": [{**GOOD, "price": price}]})
    assert answer.status_code == 200, answer.text


def test_a_declared_field_keeps_the_length_of_its_column(client: Client) -> None:
    assert errors(client, {**GOOD, "title": "x" * 11, "note": "x" * 6}) == [
        ("/coins/0/title", "Must have a length of 10 or less."),
        ("/coins/0/note", "Must have a length of 5 or less."),
    ]
    with pytest.raises(msgspec.ValidationError, match="length <= 10"):
        msgspec.json.decode(b'{"title":"a long title"}', type=CoinChanges)


def test_another_declared_type_is_that_of_the_class() -> None:
    class Sized(ModelStruct, model=ApiCoin, for_create=True, include=["title"]):
        title: int

    assert msgspec.json.decode(b'{"title":7}', type=Sized).title == 7


def test_a_rule_of_the_class_follows() -> None:
    class Cheap(ModelStruct, model=ApiCoin, for_create=True):
        def __post_init__(self) -> None:
            if self.price > 5:
                raise ValueError("too dear")

    class Cheaper(Cheap, model=ApiCoin, for_create=True):
        pass

    for struct in (Cheap, Cheaper):
        with pytest.raises(msgspec.ValidationError, match="too dear"):
            msgspec.json.decode(b'{"title":"x","price":"6"}', type=struct)
        with pytest.raises(msgspec.ValidationError, match="at most 2 digits after the point"):
            msgspec.json.decode(b'{"title":"x","price":"1.234"}', type=struct)


@pytest.mark.parametrize(
    ("digits", "fine", "wrong"),
    [(Digits(2, 4), "0.0012", "1"), (Digits(4, 0), "9999", "1.5"), (Digits(3, 3), "0.125", "1.1")],
)
def test_columns_with_few_digits(digits: Digits, fine: str, wrong: str) -> None:
    assert digits.problem(Decimal(fine)) is None
    assert digits.problem(Decimal(0)) is None
    assert digits.problem(Decimal(wrong)) is not None


def test_the_schema_tells_the_digits() -> None:
    schema = msgspec.json.schema(CoinIn)["$defs"]["CoinIn"]["properties"]
    assert schema["price"]["pattern"] == r"^-?[0-9]{1,4}(\.[0-9]{1,2})?$"
    assert "pattern" not in msgspec.json.schema(CoinOut)["$defs"]["CoinOut"]["properties"]["price"]


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_digits_are_counted_as_they_are_written(value: Decimal) -> None:
    whole, _, places = f"{value:f}".lstrip("-").partition(".")
    assert digit_counts(value) == (len(whole.lstrip("0")), len(places.rstrip("0")))
