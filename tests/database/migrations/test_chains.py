"""Models change at random, one migration after the other, with data in place: nothing is lost.

`LBACK_TEST_CHAINS=500` walks that many chains on each database; the normal suite walks a few.
"""

import os
import random
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, Integer, MetaData, Table
from sqlalchemy.dialects.mysql import DATETIME

from lback.database.migrations import Answers, MigrationError, Migrations
from lback.database.models import CONSTRAINT_NAMES
from tests.database.migrations.conftest import Project, empty

CHAINS = int(os.environ.get("LBACK_TEST_CHAINS", "3"))
FIRST = int(os.environ.get("LBACK_TEST_FIRST_CHAIN", "0"))
STEPS = 5
MOMENT: Any = sa.DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")
NOON = datetime.fromisoformat("2024-05-06T12:30:01.250")
MIDNIGHT = datetime.fromisoformat("2024-05-06")

# Each type with values that its columns get.
TYPES: dict[str, tuple[Any, list[Any]]] = {
    "int": (Integer(), [0, 1, -7, 2**31 - 1]),
    "small": (sa.SmallInteger(), [0, 1, -7]),
    "big": (sa.BigInteger(), [1, 2**53 + 1, -(2**63)]),
    "text": (sa.String(40), ["a", "007", "true", "12,50", "1.5", "2024-05-06", "it's %s \\ ä"]),
    "short": (sa.String(6), ["a", "1", "12.5"]),
    "long": (sa.Text(), ["a", "{}", "12:30"]),
    "bool": (sa.Boolean(), [True, False]),
    "decimal": (sa.Numeric(10, 2), [Decimal("1.50"), Decimal("-7.00"), Decimal("0.00")]),
    "double": (sa.Double(), [0.1, 2.0, -1e20]),
    "date": (sa.Date(), [date(2024, 2, 29), date(9999, 12, 31)]),
    "datetime": (MOMENT, [NOON, MIDNIGHT]),
    "time": (sa.Time(), [time(12, 30)]),
    "uuid": (sa.Uuid(), [UUID(int=1)]),
    "json": (sa.JSON(none_as_null=True), [{"a": [1]}, [], "x"]),
    "bytes": (sa.LargeBinary(), [b"a", b"\xff\x00"]),
    "span": (sa.Interval(), [timedelta(days=1)]),
    "enum": (sa.Enum("a", "b's", native_enum=False, length=8), ["a", "b's"]),
}
NUMBERS = ("int", "small", "big")


@dataclass
class Field:
    kind: str
    nullable: bool = True
    default: Any = None
    is_indexed: bool = False
    is_checked: bool = False
    server_default: str | None = None

    def column(self, name: str) -> Column[Any]:
        return Column(
            name,
            TYPES[self.kind][0],
            nullable=self.nullable,
            default=self.default,
            index=self.is_indexed,
            server_default=self.server_default,
        )


@dataclass
class Model:
    fields: dict[str, Field] = field(default_factory=dict)

    def metadata(self) -> MetaData:
        metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
        columns = [f.column(name) for name, f in self.fields.items()]
        checks = [
            CheckConstraint(f"{name} IS NULL OR {name} <> 12345", name=f"of_{name}")
            for name, f in self.fields.items()
            if f.is_checked
        ]
        Table("t", metadata, Column("id", Integer, primary_key=True), *columns, *checks)
        return metadata

    def copy(self) -> "Model":
        return Model({name: Field(**vars(f)) for name, f in self.fields.items()})


class Walk:
    """One chain of changes, and the values that must be there after each."""

    def __init__(self, project: Project, seed: int) -> None:
        self.project = project
        self.random = random.Random(seed)
        self.model = Model({"a": Field("int"), "b": Field("text")})
        self.rows: dict[int, dict[str, Any]] = {}
        self.names = iter("cdefghijklmnop")
        self.refused = 0

    def change(self) -> tuple[Model, dict[str, Any], dict[str, Any]]:
        """Return the next model, answers to questions, and what new columns hold."""
        model, pick = self.model.copy(), self.random
        what = pick.choice(["add", "retype", "retype", "drop", "rename", "null", "index", "check"])
        name = pick.choice(list(model.fields) or ["-"])
        if what == "add" or name == "-":
            return self._add(model)
        changed = model.fields[name]
        if what == "drop":
            del model.fields[name]
        elif what == "rename":
            new = next(self.names)
            changed.is_checked = False
            model.fields = {new if n == name else n: f for n, f in model.fields.items()}
            return model, {"renames": [f"t.{name}={new}"]}, {"-rename": (name, new)}
        elif what == "retype":
            changed.kind = pick.choice(list(TYPES))
            changed.default = changed.server_default = None
            changed.is_checked = changed.is_indexed = False
        elif what == "null":
            changed.nullable = not changed.nullable
        elif what == "index":
            changed.is_indexed = not changed.is_indexed and changed.kind in (*NUMBERS, "date")
        elif changed.kind in NUMBERS:
            changed.is_checked = not changed.is_checked
            changed.server_default = pick.choice([None, "7"])
        return model, {}, {}

    def _add(self, model: Model) -> tuple[Model, dict[str, Any], dict[str, Any]]:
        name, kind = next(self.names), self.random.choice(list(TYPES))
        default = self.random.choice(TYPES[kind][1])
        is_open = self.random.random() < 0.5
        model.fields[name] = Field(kind, is_open, None if is_open else default)
        return model, {}, {name: None if is_open else default}

    def step(self) -> None:
        model, answers, filled = self.change()
        metadata = model.metadata()
        migrations = Migrations(self.project.db_manager, self.project.root, metadata=metadata)
        path = migrations.make(answers=Answers(keep_no_renames=True, **answers))
        if path is None:
            self.model = model
            return
        try:
            migrations.migrate()
        except MigrationError as refused:
            assert "cannot become" in str(refused), (path.read_text(), refused)
            self.refused += 1
            self.check(self.model, "refused")
            path.unlink()
            return
        again = migrations.make(answers=Answers(keep_no_renames=True))
        assert again is None, path.read_text() + again.read_text()
        self._follow(model, filled)
        self.check(model, path.read_text())
        self.model = model
        self.insert()

    def _follow(self, model: Model, filled: dict[str, Any]) -> None:
        old, new = filled.pop("-rename", (None, None))
        for row in self.rows.values():
            if old is not None:
                row[new] = row.pop(old)
            for name in set(row) - set(model.fields):
                del row[name]
            row.update(filled)

    def insert(self) -> None:
        table = self.model.metadata().tables["t"]
        number = len(self.rows) + 1
        values = {
            name: None
            if f.nullable and self.random.random() < 0.3
            else self.random.choice(TYPES[f.kind][1])
            for name, f in self.model.fields.items()
        }
        with self.project.db_manager.engine.begin() as connection:
            connection.execute(table.insert().values(id=number, **values))
        self.rows[number] = values

    def check(self, model: Model, text: str) -> None:
        table = model.metadata().tables["t"]
        with self.project.db_manager.engine.connect() as connection:
            found = {row.id: dict(row._mapping) for row in connection.execute(sa.select(table))}
        assert found.keys() == self.rows.keys(), text
        for number, row in self.rows.items():
            for name, before in row.items():
                now = found[number][name]
                assert same(before, now), (text, name, before, now)
                row[name] = now


def same(before: Any, now: Any) -> bool:
    """Return True if a value is the same one, perhaps in another type."""
    if before is None or now is None:
        return before is now
    if isinstance(before, str) and isinstance(now, str):
        return before == now or before == f'"{now}"' or f'"{before}"' == now  # text of JSON
    if type(before) is type(now):
        return bool(before == now)
    return forms(before) & forms(now) != set()


def forms(value: Any) -> set[Any]:
    """Return what else a value may be called."""
    if isinstance(value, bool):
        return {str(value).lower(), str(int(value)), *map(str.lower, ("t" if value else "f",))}
    if isinstance(value, (int, float, Decimal)):
        return {
            f"{Decimal(str(value)).normalize():f}",
            str(value),
            *(["true"] if value == 1 else []),
        }
    if isinstance(value, datetime):
        day = {str(value.date())} if value.time() == time() else set()
        return {str(value), value.isoformat(sep=" ", timespec="microseconds"), *day}
    if isinstance(value, (bytes, str)):
        text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
        return text_forms(text)
    if isinstance(value, timedelta):
        # Databases without time spans keep a moment, and know of no more; see the guide.
        return {f"{value.days} day", str(datetime.fromisoformat("1970-01-01") + value)}
    if isinstance(value, (dict, list)):
        return {str(value).replace("'", '"')}
    return {str(value), str(value).replace("-", "")}


def text_forms(text: str) -> set[Any]:
    found: set[Any] = {text, text.strip('"'), text.replace("-", "")}
    try:
        found.add(f"{Decimal(text).normalize():f}")
    except ArithmeticError:
        return found
    return found


@pytest.mark.parametrize("seed", range(FIRST, FIRST + CHAINS))
def test_no_value_changes_without_being_asked(project: Project, seed: int) -> None:
    empty(project.db_manager)
    walk = Walk(project, seed)
    first = Migrations(project.db_manager, project.root, metadata=walk.model.metadata())
    first.make()
    first.migrate()
    for _ in range(3):
        walk.insert()
    for _ in range(STEPS):
        walk.step()
