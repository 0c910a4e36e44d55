"""Compares what Alembic does not: checks, server defaults, and expressions of indexes."""

from collections.abc import Collection, Iterable
from typing import Any, NoReturn, cast

import sqlalchemy as sa
from alembic import util
from alembic.autogenerate import comparators
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import (
    AlterColumnOp,
    CreateIndexOp,
    DropConstraintOp,
    DropIndexOp,
    MigrateOperation,
    ModifyTableOps,
)
from sqlalchemy import CheckConstraint, Column, Connection, Index, Table

from lback.database.limits import long_names, long_texts
from lback.database.migrations.collations import compare_collations
from lback.database.migrations.errors import MigrationError
from lback.database.migrations.facts import (
    Facts,
    facts_of_model,
    facts_of_table,
    has_expression,
)
from lback.database.migrations.operations import AddCheck, DropCheck
from lback.database.migrations.row_checks import single_percents
from lback.database.migrations.sqlite_sql import tokens

# Option of the Alembic environment that contains the temporary defaults.
TEMPORARY = "lback_temporary_defaults"


def compare_rest(
    autogen: AutogenContext,
    changes: ModifyTableOps,
    schema: str | None,
    name: object,
    found: Table | None,
    model: Table | None,
) -> None:
    """Add differences that Alembic does not detect to the changes of a table.

    Args:
        autogen: Context of Alembic.
        changes: Changes of the table; added to.
        schema: Schema of the table.
        name: Name of the table.
        found: The table in the database; None if it does not exist.
        model: The table of the model; None if it was removed.

    Raises:
        MigrationError: A migration cannot make a difference.
    """
    if TEMPORARY not in autogen.opts or model is None or autogen.connection is None:
        return
    connection = autogen.connection
    if schema is not None and connection.dialect.name == "sqlite":
        raise MigrationError(
            f"the table {name!r} is in the schema {schema!r}, and SQLite has no schemas; use "
            "PostgreSQL, or remove the schema from __table_args__"
        )
    _refuse_expressions(connection, model)
    _refuse_beyond_limits(connection, model, is_new=found is None)
    if found is None:
        _complete_new_table(connection, changes, model)
        return
    _refuse_other_key(connection, found, model)
    current = facts_of_table(connection, str(name), schema)
    target = facts_of_model(connection, model)
    _compare_computed(found, model, current, target)
    _compare_checks(connection, changes, (found, model), current, target)
    compare_collations(connection, changes, found, model)
    _compare_defaults(changes, (found, model), (current, target), autogen.opts[TEMPORARY])
    _compare_indexes(connection, changes, (found, model), current, target)
    changes.ops.extend(indexes_of_dropped_keys(connection, found, model, changes.ops))


def _refuse_expressions(connection: Connection, model: Table) -> None:
    """Check that MariaDB, which has no indexes over expressions, supports the indexes of a model.

    Raises:
        MigrationError: It does not; the message names the index.
    """
    if not getattr(connection.dialect, "is_mariadb", False):
        return
    for index in model.indexes:
        if has_expression(index):
            raise MigrationError(
                f"the index {index.name!r} of {model.name!r} is over an expression, which MariaDB "
                "does not support; add a computed column: mapped_column(Computed('lower(x)'))"
            )


def _refuse_beyond_limits(connection: Connection, model: Table, *, is_new: bool) -> None:
    """Check that the database supports the names and texts of a model.

    Raises:
        MigrationError: It does not; the message names the column and the limit.
    """
    for sentence in long_names(model, connection.dialect):
        raise MigrationError(sentence)
    sentences = list(long_texts(model, connection.dialect))
    is_mysql = connection.dialect.name in ("mysql", "mariadb")
    if not sentences and not (is_new and is_mysql):
        return
    try:
        facts_of_model(connection, model)  # the limits depend on the character set
    except MigrationError:
        if sentences:
            raise MigrationError(sentences[0]) from None
        raise


def _refuse_other_key(connection: Connection, found: Table, model: Table) -> None:
    """Check that the primary key of a table has the same columns, apart from renamed ones.

    Raises:
        MigrationError: It does not; a change affects all tables that refer to the key.
    """
    reflected = sa.inspect(connection).get_pk_constraint(found.name, schema=found.schema)
    now, then = set(reflected["constrained_columns"]), {c.name for c in model.primary_key}
    may_be_renamed = len(now) == len(then) and not (
        (now - then) & set(model.c.keys()) or (then - now) & set(found.c.keys())
    )
    if now and now != then and not may_be_renamed:
        raise MigrationError(
            f"the primary key of {found.name!r} changes from ({', '.join(sorted(now))}) to "
            f"({', '.join(sorted(then))}), which makemigrations does not write; write a migration "
            "(makemigrations --empty), or create a new table and copy the rows"
        )


def _complete_new_table(connection: Connection, changes: ModifyTableOps, model: Table) -> None:
    """Add checks and indexes that Alembic does not write with create_table."""
    for column in model.c:
        for check in _checks_of(column):
            changes.ops.append(_add_check(connection, changes, check))
    if connection.dialect.name == "sqlite":
        for index in _by_name(model.indexes):
            if has_expression(index):
                changes.ops.append(CreateIndexOp.from_index(index))


def _by_name(indexes: Collection[Index]) -> list[Index]:
    return sorted(indexes, key=lambda index: str(index.name))


# Checks.


def _checks_of(thing: Table | Column[object]) -> list[CheckConstraint]:
    found = [c for c in thing.constraints if isinstance(c, CheckConstraint)]
    return sorted(found, key=lambda check: str(check.sqltext))


def all_checks(connection: Connection, model: Table) -> dict[str, CheckConstraint]:
    """Return the checks of a model by their names in the database.

    Args:
        connection: Connection to the database.
        model: Table of the model.
    """
    every = [*_checks_of(model), *(check for column in model.c for check in _checks_of(column))]
    return {name: check for check in every if (name := _name_of(connection, check))}


def _name_of(connection: Connection, check: CheckConstraint) -> str:
    if check.name is None:
        return ""
    written = connection.dialect.identifier_preparer.format_constraint(check)
    return tokens(written)[0].name if written else ""


def condition_of(connection: Connection, check: CheckConstraint) -> str:
    """Return the condition of a check as SQL.

    Args:
        connection: Connection to the database.
        check: Check constraint of a model.
    """
    compiled = check.sqltext.compile(
        dialect=connection.dialect,
        compile_kwargs={"literal_binds": True, "include_table": False},
    )
    return single_percents(str(compiled), connection.dialect)


def _add_check(connection: Connection, changes: ModifyTableOps, check: CheckConstraint) -> AddCheck:
    name = _name_of(connection, check)
    if not name:
        _refuse_unnamed(changes, condition_of(connection, check))
    return AddCheck(changes.table_name, name, condition_of(connection, check), changes.schema)


def _compare_checks(
    connection: Connection,
    changes: ModifyTableOps,
    tables: tuple[Table, Table],
    current: Facts,
    target: Facts,
) -> None:
    found, model = tables
    checks = {name.lower(): check for name, check in all_checks(connection, model).items()}
    for name, condition in _differences(current, target):
        if name == condition:
            _refuse_unnamed(changes, condition)
        # Before the types of its columns change.
        written = current.written.get(name, condition)
        changes.ops.insert(0, DropCheck(changes.table_name, name, written, changes.schema))
    for name, condition in _differences(target, current):
        if name == condition:
            _refuse_unnamed(changes, condition)
        check = checks.get(name.lower())
        if check is None:
            _refuse_any_unnamed(connection, changes, model)
        elif not _comes_with_column(check, found):
            changes.ops.append(_add_check(connection, changes, check))


def _differences(some: Facts, others: Facts) -> list[tuple[str, str]]:
    return [
        (name, condition)
        for name, condition in some.checks.items()
        if others.checks.get(name) != condition and not _goes_with_type(name, condition)
    ]


def _comes_with_column(check: CheckConstraint, found: Table) -> bool:
    """Return True for the check of a type, such as an enumeration, of a new column."""
    is_new = {column.name for column in check.columns} - set(found.c.keys())
    return bool(is_new) and bool(getattr(check, "_type_bound", False))


def _refuse_any_unnamed(connection: Connection, changes: ModifyTableOps, model: Table) -> None:
    for check in _checks_of(model):
        if not getattr(check, "_type_bound", False) and not _name_of(connection, check):
            _refuse_unnamed(changes, condition_of(connection, check))


def _goes_with_type(name: str, condition: str) -> bool:
    """Return True for the check that MariaDB adds to a JSON column by itself."""
    return name == condition and condition.startswith("json_valid")


def _refuse_unnamed(changes: ModifyTableOps, condition: str) -> NoReturn:
    raise MigrationError(
        f"the check ({condition}) of {changes.table_name!r} was added, changed or removed, but "
        "a migration needs its name; give it one: CheckConstraint(..., name='...')"
    )


def checks_of_renamed(
    connection: Connection, old: str, model: Table
) -> tuple[list[DropCheck], list[AddCheck]]:
    """Return the changes of checks of a renamed table.

    Args:
        connection: Connection to the database.
        old: Name of the table in the database.
        model: Table of the model.

    Returns:
        Checks to drop before the rename, and checks to add after it.
    """
    found, then = (
        facts_of_table(connection, old, model.schema),
        facts_of_model(connection, model),
    )
    now = found.checks
    kept = {name for name, text in now.items() if then.checks.get(name) == text}
    drops = [
        DropCheck(old, name, found.written.get(name, text), model.schema)
        for name, text in now.items()
        if name not in kept and name != text
    ]
    additions = [
        AddCheck(model.name, name, condition_of(connection, check), model.schema)
        for name, check in all_checks(connection, model).items()
        if name not in kept and name.lower() not in kept
    ]
    return drops, additions


def indexes_of_dropped_keys(
    connection: Connection, found: Table, model: Table, operations: Iterable[MigrateOperation]
) -> list[DropIndexOp]:
    """Return operations that drop the indexes which MariaDB made for dropped foreign keys.

    Args:
        connection: Connection to the database.
        found: The table in the database.
        model: Table of the model.
        operations: Operations on the table.
    """
    if connection.dialect.name not in ("mysql", "mariadb"):
        return []
    keys = {
        op.constraint_name
        for op in operations
        if isinstance(op, DropConstraintOp) and op.constraint_type == "foreignkey"
    }
    keys -= {op.index_name for op in operations if isinstance(op, DropIndexOp)}
    keys -= {index.name for index in model.indexes}
    # A key that is added again, such as one with other actions, uses the index.
    keys -= {
        key.name
        for key in model.foreign_key_constraints
        for old in found.foreign_key_constraints
        if key.name == old.name and key.column_keys == old.column_keys
    }
    indexes = sa.inspect(connection).get_indexes(found.name, schema=found.schema)
    return [
        DropIndexOp.from_index(Index(row["name"], *(found.c[str(c)] for c in row["column_names"])))
        for row in indexes
        if row["name"] in keys and not row["unique"]
    ]


def hidden_indexes(connection: Connection, old: Table) -> list[DropIndexOp]:
    """Return operations that drop indexes of a renamed table which Alembic does not see.

    These are the indexes over expressions on SQLite.

    Args:
        connection: Connection to the database.
        old: The table in the database.
    """
    if connection.dialect.name != "sqlite":
        return []
    facts = facts_of_table(connection, old.name, old.schema)
    known = {index["name"] for index in sa.inspect(connection).get_indexes(old.name)}
    return [
        DropIndexOp.from_index(_index_as_it_is(old, name, facts))
        for name in sorted(facts.indexes)
        if name not in known
    ]


# Computed columns.


def _compare_computed(found: Table, model: Table, current: Facts, target: Facts) -> None:
    for column in found.c:
        if column.name not in model.c:
            continue
        now, then = current.computed.get(column.name), target.computed.get(column.name)
        if now != then:
            raise MigrationError(
                f"the expression of the computed column {found.name}.{column.name} has changed, "
                "which no database does in place; write a migration (makemigrations --empty) that "
                "drops the column and adds it again"
            )


# Defaults.


def _compare_defaults(
    changes: ModifyTableOps,
    tables: tuple[Table, Table],
    facts: tuple[Facts, Facts],
    temporary: Collection[tuple[str | None, str, str]],
) -> None:
    found, model = tables
    current, target = facts
    for column in model.c:
        now, then = current.defaults.get(column.name), target.defaults.get(column.name)
        if column.name not in found.c or now == then or _is_numbered(column, now, then):
            continue
        place = (changes.schema, changes.table_name, column.name)
        if then is None and place in temporary:
            continue
        _alter_default(changes, found.c[column.name], column)


def defaults_of_renamed(
    connection: Connection, old: tuple[str, str], model: Column[Any], temporary: Collection[Any]
) -> bool:
    """Return True if the default of a renamed column, or of one of a renamed table, changes.

    Args:
        connection: Connection to the database.
        old: Names of the table and the column in the database.
        model: Column of the model.
        temporary: Columns with temporary defaults: schema, table and name.
    """
    table, name = old
    schema = model.table.schema
    now = facts_of_table(connection, table, schema).defaults.get(name)
    then = facts_of_model(connection, model.table).defaults.get(model.name)
    if now == then or _is_numbered(model, now, then):
        return False
    return then is not None or (schema, table, name) not in temporary


def _is_numbered(column: Column[Any], now: str | None, then: str | None) -> bool:
    """Return True if the default of a column is its sequence or expression."""
    by_model = column.identity is not None or column.computed is not None
    counted = [text for text in (now, then) if text and "nextval(" in text]
    return by_model or bool(counted)


def _alter_default(changes: ModifyTableOps, found: Column[object], model: Column[object]) -> None:
    known = [
        op for op in changes.ops if isinstance(op, AlterColumnOp) and op.column_name == model.name
    ]
    if known:
        alteration = known[0]
    else:
        alteration = AlterColumnOp(
            changes.table_name,
            model.name,
            schema=changes.schema,
            existing_type=found.type,
            existing_nullable=found.nullable,
            existing_comment=found.comment,
        )
        changes.ops.append(alteration)
    if alteration.modify_server_default is False:
        alteration.existing_server_default = cast(Any, found.server_default)
        alteration.modify_server_default = cast(Any, model.server_default)


# Indexes.


def _compare_indexes(
    connection: Connection,
    changes: ModifyTableOps,
    tables: tuple[Table, Table],
    current: Facts,
    target: Facts,
) -> None:
    found, model = tables
    dropped = {op.index_name for op in changes.ops if isinstance(op, DropIndexOp)}
    created = {op.index_name for op in changes.ops if isinstance(op, CreateIndexOp)}
    wanted = {str(index.name): index for index in _by_name(model.indexes)}
    for name, over in sorted(current.indexes.items()):
        if name in dropped or target.indexes.get(name) == over:
            continue
        if name in wanted or connection.dialect.name == "sqlite":
            changes.ops.append(DropIndexOp.from_index(_index_as_it_is(found, name, current)))
    for name, index in wanted.items():
        then = target.indexes.get(name)
        if name not in created and then is not None and current.indexes.get(name) != then:
            changes.ops.append(CreateIndexOp.from_index(index))


def _index_as_it_is(found: Table, name: str, facts: Facts) -> Index:
    """Return an index of the database, for the downgrade."""
    if name in facts.texts:
        over, where = facts.texts[name]
        options: dict[str, Any] = {"sqlite_where": sa.text(where)} if where else {}
        unique = facts.indexes[name].startswith("unique ")
        return Index(name, sa.text(over), unique=unique, _table=found, **options)
    return next(index for index in found.indexes if index.name == name)


def _register() -> None:
    """Register `compare_rest` to run after all comparisons of Alembic."""
    options: dict[str, Any] = {}
    if hasattr(util, "DispatchPriority"):  # since Alembic 1.18; the others keep the order
        options["priority"] = util.DispatchPriority.LAST
    comparators.dispatch_for("table", **options)(compare_rest)


_register()
