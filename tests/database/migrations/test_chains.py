"""Models change at random, one migration after the other, with data in place: nothing is lost.

`LBACK_TEST_CHAINS=500` walks that many chains on each database; the normal suite walks a few.
"""

import os
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, Computed, Integer, MetaData, Table
from sqlalchemy.dialects.mysql import DATETIME

from lback.database.migrations import Answers, MigrationError, Migrations
from lback.database.models import CONSTRAINT_NAMES
from tests.database.migrations.conftest import Project

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
    "text": (
        sa.String(40),
        ["a", "007", "true", "12,50", "1.5", "2024-05-06", "1 day", "it's %s \\ ä"],
    ),
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
    "span": (sa.Interval(), [timedelta(days=1), timedelta(hours=2, minutes=3)]),
    "enum": (sa.Enum("a", "b's", native_enum=False, length=8), ["a", "b's"]),
    "mood": (None, []),  # an enumeration with a check, whose members change
}
CHANGES = (
    "add", "retype", "retype", "retype", "drop", "rename", "rename table", "null", "index",
    "unique", "pair", "check", "refer", "default", "comment", "members", "computed", "expression",
)  # fmt: skip
NUMBERS = ("int", "small", "big")
UNIQUE = (*NUMBERS, "text", "short", "date", "uuid")
DEFAULTS: dict[str, list[Any]] = {
    "int": ["7"], "text": ["it's", "", "%"], "bool": [sa.true()], "decimal": ["1.50"],
    "date": ["2024-05-06"], "enum": ["b's"], "mood": ["a"],
}  # fmt: skip
COMMENTS = [None, "it's: a %", '\\ "']
MEMBERS = ("a", "b's", "c")
# Attributes that are turned on and off, for some types.
TOGGLES: dict[str, tuple[str, Collection[str]]] = {
    "null": ("nullable", TYPES),
    "index": ("is_indexed", (*NUMBERS, "date")),
    "unique": ("is_unique", UNIQUE),
    "check": ("is_checked", NUMBERS),
    "refer": ("refers", ("int",)),
}
# What each database says of rows that a new constraint does not allow.
REFUSALS = (
    "cannot become", "UNIQUE constraint failed", "could not create unique index", "Duplicate entry",
    "refer to rows that do not exist", "violates foreign key", "a foreign key constraint fails",
    "CHECK constraint failed", "is violated by some row", "CONSTRAINT `ck_",
)  # fmt: skip
# Changes that rows may not allow, and that are not checked before the first statement.
RISKY = ("unique", "pair", "refer", "members", "check", "expression")


@dataclass
class Field:
    """A column that changes."""

    kind: str
    nullable: bool = True
    default: Any = None
    is_indexed: bool = False
    is_unique: bool = False
    is_checked: bool = False
    refers: bool = False
    server_default: Any = None
    comment: str | None = None
    members: tuple[str, ...] = MEMBERS[:2]

    def column(self, name: str) -> Column[Any]:
        return Column(
            name,
            self.type(name),
            *([sa.ForeignKey("p.id")] if self.refers else []),
            nullable=self.nullable,
            default=self.default,
            index=self.is_indexed,
            unique=self.is_unique,
            server_default=self.server_default,
            comment=self.comment,
        )

    def type(self, name: str) -> Any:
        if self.kind != "mood":
            return TYPES[self.kind][0]
        return sa.Enum(
            *self.members, native_enum=False, length=8, create_constraint=True, name=f"e_{name}"
        )

    @property
    def values(self) -> list[Any]:
        return list(self.members) if self.kind == "mood" else TYPES[self.kind][1]

    def become(self, kind: str) -> None:
        """Change the type, which drops what depends on the old one."""
        vars(self).update(vars(Field(kind, self.nullable, comment=self.comment)))


@dataclass
class Model:
    """A table that changes, beside one that it may refer to."""

    fields: dict[str, Field] = field(default_factory=dict)
    name: str = "t"
    schema: str | None = None
    has_two_keys: bool = False
    is_computed: bool = False
    pair: tuple[str, str] | None = None
    lowered: str | None = None

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def table(self) -> Table:
        return self.metadata().tables[self.full_name]

    def metadata(self) -> MetaData:
        metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
        Table("p", metadata, Column("id", Integer, primary_key=True, autoincrement=False))
        parts: list[Any] = [f.column(name) for name, f in self.fields.items()]
        parts += [
            CheckConstraint(f"{name} IS NULL OR {name} <> 12345", name=f"of_{name}")
            for name, f in self.fields.items()
            if f.is_checked
        ]
        if self.has_two_keys:
            parts.append(Column("code", sa.String(8), primary_key=True))
        if self.is_computed:
            parts.append(Column("twice", Integer, Computed("id * 2", persisted=True)))
        if self.pair is not None:
            parts.append(sa.UniqueConstraint(*self.pair))
        if self.lowered is not None:
            parts.append(sa.Index(f"ix_low_{self.lowered}", sa.text(f"lower({self.lowered})")))
        key: Any = Column("id", Integer, primary_key=True, autoincrement=False)
        Table(self.name, metadata, key, *parts, schema=self.schema)
        return metadata

    def copy(self) -> "Model":
        fields = {name: Field(**vars(f)) for name, f in self.fields.items()}
        return Model(**{**vars(self), "fields": fields})

    def forget(self, name: str) -> None:
        """Drop what depends on a column."""
        if self.pair is not None and name in self.pair:
            self.pair = None
        if self.lowered == name:
            self.lowered = None


class Walk:
    """One chain of changes, and the values that must be there after each."""

    def __init__(self, project: Project, seed: int) -> None:
        self.project = project
        self.random = random.Random(seed)
        schema = "stock" if project.kind == "postgresql" and seed % 3 == 0 else None
        fields = {"a": Field("int"), "b": Field("text")}
        self.model = Model(fields, schema=schema, has_two_keys=seed % 4 == 0)
        self.rows: dict[int, dict[str, Any]] = {}
        self.names = iter("cdefghijklmnopqrsvwxyz")
        self.refused = 0
        self.changes: list[str] = []

    def change(self) -> tuple[Model, list[str], dict[str, Any], dict[str, str]]:
        """Return the next model, renames, what new columns hold, and old names by new ones."""
        model, self.changes = self.model.copy(), []
        renames: list[str] = []
        filled: dict[str, Any] = {}
        old_names: dict[str, str] = {}
        for _ in range(self.random.choice([1, 1, 2])):
            what = self.random.choice(CHANGES)
            if self.changes and (what in RISKY or self.changes[0] in RISKY):
                break
            self.changes.append(what)
            name = self.random.choice(list(model.fields) or ["-"])
            if what == "add" or name == "-":
                filled.update(self._add(model))
            elif what == "rename table":
                model.name = "u" if model.name == "t" else "t"
            elif name not in (*filled, *old_names):
                self._change_one(model, name, what, old_names)
        if model.name != self.model.name:
            renames.append(f"{self.model.full_name}={model.full_name}")
        renames += [f"{model.full_name}.{old}={new}" for new, old in old_names.items()]
        return model, renames, filled, old_names

    def _change_one(self, model: Model, name: str, what: str, old_names: dict[str, str]) -> None:
        if what == "drop":
            del model.fields[name]
            model.forget(name)
        elif what == "rename":
            old_names[self._rename(model, name)] = name
        else:
            self._change_field(model, name, what)

    def _rename(self, model: Model, name: str) -> str:
        new = next(self.names)
        model.forget(name)
        model.fields[name].is_checked = False
        model.fields = {new if n == name else n: f for n, f in model.fields.items()}
        return new

    def _change_field(self, model: Model, name: str, what: str) -> None:
        changed, pick = model.fields[name], self.random
        if what in TOGGLES:
            attribute, kinds = TOGGLES[what]
            is_set = not getattr(changed, attribute) and changed.kind in kinds
            setattr(changed, attribute, is_set)
        elif what == "retype":
            model.forget(name)
            changed.become(pick.choice(list(TYPES)))
        elif what == "default" and changed.kind in DEFAULTS:
            changed.server_default = pick.choice([None, *DEFAULTS[changed.kind]])
        elif what == "comment":
            changed.comment = pick.choice(COMMENTS)
        elif what == "members" and changed.kind == "mood":
            changed.members = tuple(pick.sample(MEMBERS, 2)) if pick.random() < 0.5 else MEMBERS
            changed.server_default = None
        else:
            self._change_several(model, name, what)

    def _change_several(self, model: Model, name: str, what: str) -> None:
        kinds = {n: f.kind for n, f in model.fields.items()}
        others = [n for n in kinds if n != name and kinds[n] in UNIQUE]
        if what == "pair":
            possible = model.pair is None and others and kinds[name] in UNIQUE
            model.pair = (name, others[0]) if possible else None
        elif what == "computed":
            model.is_computed = not model.is_computed
        elif what == "expression" and self.project.kind != "mysql":
            possible = model.lowered is None and kinds[name] in ("text", "short")
            model.lowered = name if possible else None

    def _add(self, model: Model) -> dict[str, Any]:
        name, kind = next(self.names), self.random.choice(list(TYPES))
        new = Field(kind, self.random.random() < 0.5, comment=self.random.choice(COMMENTS))
        default = self.random.choice(new.values)
        new.default = None if new.nullable else default
        model.fields[name] = new
        return {name: new.default}

    def step(self) -> None:
        model, renames, filled, old_names = self.change()
        migrations = Migrations(
            self.project.db_manager, self.project.root, metadata=model.metadata()
        )
        path = migrations.make(answers=Answers(keep_no_renames=True, renames=renames))
        if path is None:
            self.model = model
            return
        try:
            migrations.migrate()
        except MigrationError as refused:
            assert any(words in str(refused) for words in REFUSALS), (path.read_text(), refused)
            self.refused += 1
            self.check(self.model, "refused")
            path.unlink()
            return
        again = migrations.make(answers=Answers(keep_no_renames=True))
        assert again is None, path.read_text() + again.read_text()
        self._follow(model, filled, old_names)
        self.check(model, path.read_text())
        self.model = model
        self.insert()

    def _follow(self, model: Model, filled: dict[str, Any], old_names: dict[str, str]) -> None:
        for row in self.rows.values():
            for new, old in old_names.items():
                row[new] = row.pop(old)
            for name in set(row) - set(model.fields):
                del row[name]
            row.update(filled)

    def insert(self) -> None:
        number = len(self.rows) + 1
        values = {name: self._value(name, f) for name, f in self.model.fields.items()}
        keys = {"id": number, **({"code": "k"} if self.model.has_two_keys else {})}
        try:
            with self.project.db_manager.engine.begin() as connection:
                connection.execute(self.model.table().insert().values(**keys, **values))
        except sa.exc.IntegrityError:
            return  # such as a value that is there already, or of no row of the other table
        self.rows[number] = values

    def _value(self, name: str, f: Field) -> Any:
        used = {repr(row.get(name)) for row in self.rows.values()}
        left = [v for v in f.values if not f.is_unique or repr(v) not in used]
        is_empty = f.nullable and (not left or self.random.random() < 0.3)
        return None if is_empty else self.random.choice(left or f.values)

    def check(self, model: Model, text: str) -> None:
        table = model.table()
        with self.project.db_manager.engine.connect() as connection:
            found = {row.id: dict(row._mapping) for row in connection.execute(sa.select(table))}
        assert found.keys() == self.rows.keys(), text
        for number, row in self.rows.items():
            assert found[number].get("twice", number * 2) == number * 2, text
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
        return {f"{value.days} day", f"{value}".rjust(8, "0")}
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


@pytest.fixture(autouse=True)
def _no_tables(project: Project) -> Iterator[None]:
    yield
    if project.kind == "postgresql":
        project.execute("DROP SCHEMA IF EXISTS stock CASCADE")


@pytest.mark.parametrize("seed", range(FIRST, FIRST + CHAINS))
def test_no_value_changes_without_being_asked(project: Project, seed: int) -> None:
    walk = Walk(project, seed)
    first = Migrations(project.db_manager, project.root, metadata=walk.model.metadata())
    first.make()
    first.migrate()
    with project.db_manager.engine.begin() as connection:
        for value in TYPES["int"][1]:
            connection.execute(sa.text("INSERT INTO p (id) VALUES (:id)"), {"id": value})
    for _ in range(3):
        walk.insert()
    for _ in range(STEPS):
        walk.step()
