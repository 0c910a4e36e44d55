"""What a model declares is made, and a second look finds nothing left to do."""

import os
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import CheckConstraint, Column, Computed, Index, Integer, MetaData, String, Table
from sqlalchemy.exc import DBAPIError

from lback.database.migrations import Answers, MigrationError, Migrations, UnfilledColumn
from lback.database.models import CONSTRAINT_NAMES
from tests.database.migrations.conftest import Project, empty

EXAMPLES = int(os.environ.get("LBACK_TEST_EXAMPLES", "8"))


def models(project: Project, *parts: Any, name: str = "items") -> Migrations:
    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
    Table(name, metadata, Column("id", Integer, primary_key=True), *parts)
    return Migrations(project.db_manager, project.root, metadata=metadata)


def become(project: Project, *parts: Any, **options: Any) -> str:
    """Change the model, migrate, and look that nothing is left."""
    migrations = models(project, *parts, **options)
    path = migrations.make(answers=Answers(keep_no_renames=True))
    assert path is not None, "there was something to do"
    migrations.migrate()
    again = migrations.make(answers=Answers(keep_no_renames=True))
    assert again is None, again.read_text() if again is not None else ""
    return path.read_text()


def refuses(project: Project, **values: Any) -> bool:
    names = ", ".join(values)
    try:
        project.execute(
            f"INSERT INTO items ({names}) VALUES ({', '.join(f':{n}' for n in values)})", **values
        )
    except DBAPIError:
        return True
    return False


def price(**options: Any) -> Column[int]:
    return Column("price", Integer, **options)


def test_checks_are_made_changed_and_dropped(project: Project) -> None:
    become(project, price(), CheckConstraint("price > 0", name="positive"))
    assert refuses(project, price=-1)
    become(project, price(), CheckConstraint("price > 10", name="positive"))
    assert refuses(project, price=5)
    become(project, price())
    assert not refuses(project, price=5)
    project.execute("DELETE FROM items")
    become(project, price(), CheckConstraint("price <> 7 AND price < 100", name="low"))
    assert refuses(project, price=7)
    project.execute("DELETE FROM items")
    migrations = models(project)
    migrations.rollback()
    assert not refuses(project, price=7)
    project.execute("DELETE FROM items")
    migrations.rollback()
    assert refuses(project, price=5)


def test_the_check_of_a_column_is_made_with_its_table(project: Project) -> None:
    become(project, Column("price", Integer, CheckConstraint("price > 0", name="positive")))
    assert refuses(project, price=0)


def test_a_check_with_texts_and_colons(project: Project) -> None:
    become(project, Column("mark", String(20)))
    become(project, Column("mark", String(20)), CheckConstraint("mark <> 'a:b''c'", name="mark"))
    assert refuses(project, mark="a:b'c")
    assert not refuses(project, mark="a")


def test_a_check_may_be_on_a_new_column(project: Project) -> None:
    become(project)
    become(project, price(), CheckConstraint("price > 0", name="positive"))
    assert refuses(project, price=0)
    become(project)


def test_a_check_that_rows_break_is_not_made(project: Project) -> None:
    become(project, price())
    project.execute("INSERT INTO items (price) VALUES (-1)")
    migrations = models(project, price(), CheckConstraint("price > 0", name="positive"))
    migrations.make()
    with pytest.raises(MigrationError, match="positive"):
        migrations.migrate()
    assert project.execute("SELECT price FROM items") == [(-1,)]


def test_the_checks_of_an_enumeration_follow_its_members(project: Project) -> None:
    def mood(*members: str) -> Column[str]:
        kind = sa.Enum(*members, native_enum=False, create_constraint=True, name="mood", length=10)
        return Column("mood", kind)

    become(project)
    become(project, mood("good"))
    assert refuses(project, mood="bad")
    become(project, mood("good", "bad"))
    assert not refuses(project, mood="bad")


def test_defaults_of_the_database_are_made_changed_and_dropped(project: Project) -> None:
    def value() -> Any:
        project.execute("DELETE FROM items")
        project.execute("INSERT INTO items (id) VALUES (1)")
        return project.execute("SELECT price FROM items")[0][0]

    become(project, price())
    become(project, price(server_default="7"))
    assert value() == 7
    become(project, price(server_default=sa.text("8")))
    assert value() == 8
    become(project, price())
    assert value() is None
    models(project).rollback()
    assert value() == 8


@pytest.mark.parametrize(
    ("type_", "default"),
    [
        (String(20), "it's"),
        (String(20), ""),
        (sa.Boolean(), sa.true()),
        (sa.Boolean(), sa.false()),
        (sa.Numeric(8, 2), "1.50"),
        (sa.DateTime(), sa.func.now()),
        (sa.Date(), "2024-05-06"),
        (Integer(), "-1"),
        (sa.Double(), "1.5"),
    ],
)
def test_no_default_is_made_twice(project: Project, type_: Any, default: Any) -> None:
    become(project, Column("a", type_))
    become(project, Column("a", type_, server_default=default))
    become(project, Column("a", type_))


def test_indexes_over_expressions(project: Project) -> None:
    name: Any = Column("name", String(80))
    index = Index("uq_items_name", sa.func.lower(sa.text("name")), unique=True)
    if project.kind == "mysql":
        become(project, name)
        with pytest.raises(MigrationError, match="over an expression, which MariaDB does not"):
            models(project, name._copy(), index).make()
        return
    become(project, name, index)
    project.execute("INSERT INTO items (name) VALUES ('Ada')")
    assert refuses(project, name="ADA")
    become(project, name._copy(), Index("uq_items_name", sa.func.upper(sa.text("name"))))
    assert not refuses(project, name="ADA")
    become(project, name._copy())
    models(project).rollback()
    project.execute("DELETE FROM items WHERE name = 'ADA'")
    models(project).rollback()
    assert refuses(project, name="ADA")


def test_conditions_and_directions_of_indexes(project: Project) -> None:
    if project.kind == "mysql":
        pytest.skip("MariaDB has no indexes over some rows")

    def on(condition: str) -> Index:
        where = sa.text(condition)
        return Index("uq_p", "price", unique=True, sqlite_where=where, postgresql_where=where)

    become(project, price(), on("price > 0"))
    become(project, price(), on("price > 10"))
    project.execute("INSERT INTO items (price) VALUES (5), (5), (11)")
    assert refuses(project, price=11)
    become(project, price(), Index("uq_p", sa.text("price DESC")))


def test_computed_columns(project: Project) -> None:
    def doubled(expression: str) -> Column[int]:
        return Column("doubled", Integer, Computed(expression, persisted=True))

    become(project, price())
    project.execute("INSERT INTO items (price) VALUES (3)")
    become(project, price(), doubled("price * 2"))
    assert project.execute("SELECT doubled FROM items") == [(6,)]
    with pytest.raises(MigrationError, match=r"column items\.doubled has changed"):
        models(project, price(), doubled("price * 3")).make()
    with pytest.raises(MigrationError, match=r"column items\.doubled has changed"):
        models(project, price(), Column("doubled", Integer)).make()
    become(project, price())


def test_a_check_goes_with_a_renamed_column_and_table(project: Project) -> None:
    become(project, price(), CheckConstraint("price > 0", name="positive"))
    cost: Any = Column("cost", Integer)
    migrations = models(project, cost, CheckConstraint("cost > 0", name="positive"), name="things")
    renames = ["items=things", "things.price=cost"]
    assert migrations.make(answers=Answers(renames=renames)) is not None
    migrations.migrate()
    assert migrations.make() is None
    with pytest.raises(DBAPIError):
        project.execute("INSERT INTO things (cost) VALUES (0)")
    migrations.rollback()
    assert refuses(project, price=0)


def test_a_check_without_a_name_is_refused(project: Project) -> None:
    metadata = MetaData()
    Table("items", metadata, Column("id", Integer, primary_key=True), price())
    Migrations(project.db_manager, project.root, metadata=metadata).make()
    models(project).migrate()
    metadata = MetaData()
    check = CheckConstraint("price > 0")
    Table("items", metadata, Column("id", Integer, primary_key=True), price(), check)
    migrations = Migrations(project.db_manager, project.root, metadata=metadata)
    with pytest.raises(MigrationError, match="needs its name"):
        migrations.make()


# Models at random.

TYPES: list[Any] = [
    Integer(), sa.BigInteger(), String(20), sa.Numeric(8, 2), sa.Double(), sa.Boolean(),
    sa.Date(), sa.DateTime(), sa.Uuid(), sa.LargeBinary(), sa.JSON(), sa.Interval(),
    sa.Enum("a", "it's", native_enum=False, length=10), sa.Text(), sa.Time(), sa.SmallInteger(),
]  # fmt: skip
DEFAULTS: dict[type, list[Any]] = {
    Integer: ["7", "-1", sa.text("3")], String: ["it's", "", "%"], sa.Boolean: [sa.true()],
    sa.Numeric: ["1.50"], sa.Date: ["2024-05-06"], sa.DateTime: [sa.func.now()],
}  # fmt: skip


@st.composite
def parts(draw: st.DrawFn) -> list[Any]:
    """Columns, checks and indexes of a table; the same again from the same choices."""
    found: list[Any] = []
    names = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True))
    for name in sorted(names):
        type_ = draw(st.sampled_from(TYPES))
        default = draw(st.sampled_from([None, *DEFAULTS.get(type(type_), [])]))
        unique = isinstance(type_, (Integer, String)) and type(type_) is not sa.Text
        column: Any = Column(
            name,
            type_,
            nullable=draw(st.booleans()),
            server_default=default,
            index=unique and draw(st.booleans()),
            unique=unique and draw(st.booleans()),
            comment=draw(st.sampled_from([None, "it's: a %"])),
        )
        found.append(column)
        if isinstance(type_, Integer) and draw(st.booleans()):
            limit = draw(
                st.sampled_from([" > 0", " IN (1, 2)", " BETWEEN 1 AND 5", " IS NOT NULL"])
            )
            found.append(CheckConstraint(f"{name}{limit}", name=f"c_{name}"))
    if draw(st.booleans()):
        found.append(Column("total", Integer, Computed("1 + 1", persisted=True)))
    if draw(st.booleans()):
        found.append(
            Index("several", sa.text("id")) if draw(st.booleans()) else Index("several", "id")
        )
    return found


@given(first=parts(), second=parts())
@settings(
    deadline=None,
    max_examples=EXAMPLES,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_after_a_migration_there_is_nothing_to_do(
    project: Project, first: list[Any], second: list[Any]
) -> None:
    empty(project.db_manager)
    for path in (project.root / "migrations" / "versions").glob("*.py"):
        path.unlink()
    for chosen in (first, second, []):
        fit = [p for p in chosen if project.kind != "mysql" or not isinstance(p, Index)]
        migrations = models(project, *map(copied, fit))
        migrations.make(answers=Answers(keep_no_renames=True, ask_value=a_value))
        try:
            migrations.migrate()
        except MigrationError as refused:
            # MariaDB makes no UUID of anything but text, even where there are no rows.
            assert "Cannot cast" in str(refused)
            return
        again = migrations.make(answers=Answers(keep_no_renames=True))
        assert again is None, again.read_text() if again is not None else ""


def copied(part: Any) -> Any:
    """Return a part for another table: a column is of one table only."""
    if isinstance(part, Column):
        return part._copy()
    if isinstance(part, CheckConstraint):
        return CheckConstraint(str(part.sqltext), name=part.name)
    return Index(part.name, *part.expressions)


def a_value(gap: UnfilledColumn) -> str:
    texts = {"date": "2024-05-06", "datetime": "2024-05-06", "time": "12:30", "timedelta": "1 day"}
    kind = gap.kind.__name__ if gap.kind else "str"
    return {**texts, "UUID": "1" * 32, "str": "a", "dict": "{}"}.get(kind, "1")


# Found by chains of random changes.


def described(**options: Any) -> Column[str]:
    return Column("a", options.pop("type_", String(20)), **options)


def test_a_renamed_table_keeps_comments_and_defaults(project: Project) -> None:
    become(project, described(comment="it's", server_default="x:y"))
    migrations = models(
        project, described(comment="it's", server_default="x:y", type_=String(30)), name="things"
    )
    migrations.make(answers=Answers(renames=["items=things"]))
    migrations.migrate()
    assert migrations.make() is None
    project.execute("INSERT INTO things (id) VALUES (1)")
    assert project.execute("SELECT a FROM things") == [("x:y",)]


@pytest.mark.parametrize(
    "renames", [["items=things"], ["items.a=b"], ["items=things", "things.a=b"]]
)
def test_a_rename_may_change_comments_and_defaults(project: Project, renames: list[str]) -> None:
    become(project, described(comment="old", server_default="x"))
    name = "b" if renames[-1].endswith("b") else "a"
    new: Any = Column(name, String(20), comment="new", server_default="y")
    migrations = models(project, new, name="things" if len(renames[0]) > 10 else "items")
    migrations.make(answers=Answers(renames=renames))
    migrations.migrate()
    assert migrations.make() is None


def test_a_renamed_column_does_not_get_its_temporary_default_back(project: Project) -> None:
    become(project)
    become(project, Column("a", String(20), default="x", nullable=False, comment="it's"))
    migrations = models(project, Column("b", sa.Text, nullable=False, comment="it's"))
    migrations.make(answers=Answers(renames=["items.a=b"]))
    migrations.migrate()
    assert migrations.make() is None
    columns = {column["name"]: column for column in project.inspector.get_columns("items")}
    assert columns["b"]["default"] is None


def test_a_changed_column_does_not_get_its_temporary_default_back(project: Project) -> None:
    become(project)
    become(project, Column("a", String(20), default="x", nullable=False))
    become(project, Column("a", sa.Text, nullable=False))
    columns = {column["name"]: column for column in project.inspector.get_columns("items")}
    assert columns["a"]["default"] is None


@pytest.mark.parametrize("name", ["price", "order"])
def test_a_dropped_check_can_be_added_again(project: Project, name: str) -> None:
    column: Any = Column(name, Integer)
    quoted = project.db_manager.engine.dialect.identifier_preparer.quote(name)
    condition = f"{quoted} <> 7 AND {quoted} >= 1 AND {quoted} != 9 OR {quoted} <= -5"
    check = CheckConstraint(condition, name="c")
    become(project, column, check)
    become(project, column._copy())
    models(project).rollback()
    (project.root / "migrations" / "versions" / "0002_change_items.py").unlink()
    assert models(project, column._copy(), check._copy()).changes() == ""


def test_an_index_over_an_expression_goes_with_a_renamed_table(project: Project) -> None:
    if project.kind == "mysql":
        pytest.skip("MariaDB has no indexes over expressions")
    name: Any = Column("name", String(80))
    index = Index("uq_name", sa.func.lower(sa.text("name")), unique=True)
    become(project, name, index)
    renamed = Index("uq_name", sa.func.lower(sa.text("name")), unique=True)
    migrations = models(project, name._copy(), renamed, name="things")
    migrations.make(answers=Answers(renames=["items=things"]))
    migrations.migrate()
    assert migrations.make() is None
    migrations.rollback()
    project.execute("INSERT INTO items (name) VALUES ('Ada')")
    assert refuses(project, name="ADA")


def test_a_dropped_foreign_key_takes_its_index(project: Project) -> None:
    def change(*parts: Any, name: str = "items", renames: tuple[str, ...] = ()) -> Migrations:
        metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
        Table("shelves", metadata, Column("id", Integer, primary_key=True))
        Table(name, metadata, Column("id", Integer, primary_key=True), *parts)
        migrations = Migrations(project.db_manager, project.root, metadata=metadata)
        answers = Answers(renames=list(renames), keep_no_renames=not renames)
        assert migrations.make(answers=answers) is not None
        migrations.migrate()
        assert migrations.make() is None
        return migrations

    def shelf() -> Column[int]:
        return Column("shelf", sa.ForeignKey("shelves.id"))

    change(shelf())
    change(Column("shelf", Integer))
    change(shelf())
    change(Column("shelf", Integer), name="things", renames=("items=things",))
    change(Column("shelf", Integer, index=True), name="things")
    change(Column("shelf", sa.ForeignKey("shelves.id"), index=True), name="things")
    change(Column("shelf", Integer, index=True), name="things").rollback("4")
    [key] = project.inspector.get_foreign_keys("items")
    assert key["constrained_columns"] == ["shelf"]


def test_percent_signs_are_not_doubled(project: Project) -> None:
    def value(table: str = "items") -> Any:
        project.execute(f"INSERT INTO {table} (id) VALUES (1)")
        [[found]] = project.execute(f"SELECT {name} FROM {table}")
        project.execute(f"DELETE FROM {table}")
        return found

    name = "a"
    check = CheckConstraint("a <> 'x' AND a LIKE '%%' AND a LIKE '%'", name="c")
    become(project, described(server_default="5 %"))
    become(project, described(server_default="5 %", comment="10 %"), check)
    assert value() == "5 %"
    name, check = "b", CheckConstraint("b <> 'x' AND b LIKE '%%' AND b LIKE '%'", name="c")
    renamed: Any = Column("b", sa.Text, server_default="5 %", comment="10 %")
    migrations = models(project, renamed, check, name="things")
    migrations.make(answers=Answers(renames=["items=things", "things.a=b"]))
    migrations.migrate()
    assert migrations.make() is None
    assert value("things") == "5 %"
    name = "b"
    models(project, Column("b", sa.Text), name="things").make()
    migrations.migrate()
    migrations.rollback()
    assert value("things") == "5 %"


@pytest.mark.parametrize("name", ["a" * 70, "ix"])
def test_what_a_database_does_not_support_is_refused(project: Project, name: str) -> None:
    type_ = Integer() if name != "ix" else String(200_000)
    migrations = project.migrations((name, Column("text", type_)))
    if project.kind == "sqlite" or (project.kind == "postgresql" and name == "ix"):
        assert migrations.make() is not None
        return
    words = "choose a shorter one" if name != "ix" else "use Text or Text"
    with pytest.raises(MigrationError, match=words):
        migrations.make()
    project.become(("ix", Column("text", String(40))))
    more = Column("a" * 70, Integer) if name != "ix" else Column("more", type_)
    with pytest.raises(MigrationError, match=words):
        project.migrations(("ix", Column("text", String(40)), more)).make()


def test_another_primary_key_is_refused(project: Project) -> None:
    def models(*, code: bool, number: bool) -> Migrations:
        metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
        Table(
            "items",
            metadata,
            Column("number", Integer, primary_key=number, autoincrement=False, nullable=False),
            Column("code", String(9), primary_key=code, nullable=False),
        )
        return Migrations(project.db_manager, project.root, metadata=metadata)

    migrations = models(code=False, number=True)
    migrations.make()
    migrations.migrate()
    words = r"the primary key of 'items' changes from \(number\) to \(code"
    for number in (True, False):
        with pytest.raises(MigrationError, match=words):
            models(code=True, number=number).make()
    assert models(code=False, number=True).make() is None


def test_a_primary_key_may_be_renamed(project: Project) -> None:
    def models(name: str) -> Migrations:
        metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
        Table("items", metadata, Column(name, Integer, primary_key=True))
        return Migrations(project.db_manager, project.root, metadata=metadata)

    for name, renames in (("number", []), ("no", ["items.number=no"])):
        models(name).make(answers=Answers(renames=renames))
        models(name).migrate()
    project.execute("INSERT INTO items (no) VALUES (7)")
    models("no").rollback()
    assert project.execute("SELECT number FROM items") == [(7,)]
