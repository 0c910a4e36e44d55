"""Row policies: which rows of a model a user may read and write, declared once per project.

Permissions do not depend on the row; a policy does, and it needs no request: views, tasks and the
admin apply the same one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, false, inspect, select, tuple_
from sqlalchemy.orm import Mapper, Session, object_session

from lback.core.app_controller import is_authenticated
from lback.core.exceptions import ConfigurationError

P = TypeVar("P", bound="type[Policy]")
R = TypeVar("R")  # a row of any model
S = TypeVar("S", bound=Select[Any])


class Policy:
    """Decides which rows of one model a user may read and write; by default all of them.

    Register a subclass with `policy`. Superusers bypass policies: they may read and write every
    row.

    Args:
        model: The model that the policy is registered for.
    """

    def __init__(self, model: type[object]) -> None:
        self.model = model

    def scope(self, user: Any, statement: Select[Any]) -> Select[Any]:  # noqa: ARG002  for rules
        """Return a statement that reads only the rows that a user may read.

        Args:
            user: An account of the site or of the admin; `None` if no user is signed in.
            statement: A `select` of the model, to be narrowed by `where` and `join`.

        Returns:
            The narrowed statement; by default the statement unchanged.
        """
        return statement

    def allows(self, user: Any, action: str, row: Any) -> bool:  # noqa: ARG002  for rules
        """Return True if a user may write a row; by default, if the user may read it.

        Args:
            user: An account of the site or of the admin; `None` if no user is signed in.
            action: `"add"`, `"change"`, `"delete"`, or another word that the project uses.
            row: A row that belongs to a database session.
        """
        return self.is_in_scope(user, row)

    def is_in_scope(self, user: object, row: object) -> bool:
        """Return True if a user may read a row, according to its state in the database.

        Pending changes of the session are flushed first.

        Args:
            user: An account, or `None` if no user is signed in.
            row: A row that belongs to a database session.

        Raises:
            ValueError: The row belongs to no database session.
        """
        session = object_session(row)
        if session is None:
            raise ValueError(f"{row!r} belongs to no database session: add it to one first")
        session.flush()
        return bool(readable(session, user, [row]))


_policies: dict[type[object], Policy] = {}


def policy(model: type[object]) -> Callable[[P], P]:
    """Register the decorated class as the policy of a model and of its subclasses.

    Args:
        model: A mapped class.

    Returns:
        A decorator that returns the class unchanged.

    Raises:
        ConfigurationError: The model has a policy already, or the class is not a subclass of
            `Policy`.
    """

    def register(kind: P) -> P:
        if not isinstance(kind, type) or not issubclass(kind, Policy):
            raise ConfigurationError(
                f"{kind!r} is not a policy of {model.__name__}; "
                "write class NotePolicy(Policy), with methods scope and allows"
            )
        present = _policies.get(model)
        if present is not None and type(present) is not kind:
            raise ConfigurationError(
                f"{model.__name__} already has the policy {type(present).__qualname__}; "
                f"move the rules of {kind.__qualname__} into it"
            )
        _policies[model] = kind(model)
        return kind

    return register


def remove_policy(model: type[object]) -> None:
    """Remove the policy of a model, such as at the end of a test; without effect if it has none."""
    _policies.pop(model, None)


def exist() -> bool:
    """Return True if any model has a policy."""
    return bool(_policies)


def policy_of(model: type[object]) -> Policy | None:
    """Return the policy of a model or of its nearest base class, or `None` if there is none."""
    return next((_policies[kind] for kind in model.__mro__ if kind in _policies), None)


def scoped(user: object, statement: S) -> S:
    """Return a statement that reads only the rows that a user may read.

    The policies of all selected models are applied. Models that are joined and not selected are not
    narrowed: select them, or narrow them by `scope_condition`.

    Args:
        user: An account, or `None` if no user is signed in.
        statement: A `select` of one or more models.

    Returns:
        The narrowed statement; one that reads nothing for an account that is not active.
    """
    models = {entity["entity"] for entity in statement.column_descriptions if entity["entity"]}
    for model in models:
        model_policy = policy_of(model) if isinstance(model, type) else None
        if model_policy is None or _is_superuser(user):
            continue
        if user is not None and not _is_active(user):
            return statement.where(false())
        narrowed = model_policy.scope(user, statement)
        statement = narrowed  # type: ignore[assignment]  # a select stays one
    return statement


def scope_condition(user: object, target: object) -> ColumnElement[bool] | None:
    """Return the condition that a joined row may be read by a user, or `None` for every row.

    Args:
        user: An account, or `None` if no user is signed in.
        target: The joined model, or an alias of it.
    """
    mapper: Mapper[object] = inspect(target).mapper
    if policy_of(mapper.class_) is None or _is_superuser(user):
        return None
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    keys = [getattr(target, name) for name in names]
    readable_keys = _keys_only(scoped(user, select(mapper.class_)), mapper)
    return keys[0].in_(readable_keys) if len(keys) == 1 else tuple_(*keys).in_(readable_keys)


def allows(user: object, action: str, row: object) -> bool:
    """Return True if the policy of a row lets a user write it; see `Policy.allows`.

    Call it before a row is changed and, where the change could move the row out of what the user
    may read, once more after it. It flushes; the changes of a request that is refused are rolled
    back.

    Args:
        user: An account, or `None` if no user is signed in.
        action: `"add"`, `"change"`, `"delete"`, or another word that the project uses.
        row: A row that belongs to a database session; a new one is flushed first.
    """
    row_policy = policy_of(type(row))
    if row_policy is None or _is_superuser(user):
        return True
    if user is not None and not _is_active(user):
        return False
    return row_policy.allows(user, action, row)


def readable(session: Session, user: object, rows: Iterable[R]) -> list[R]:
    """Return those of some rows that a user may read, with one query per model.

    Args:
        session: The session that the rows belong to.
        user: An account, or `None` if no user is signed in.
        rows: Rows of any models.

    Returns:
        The readable rows, in the order given.
    """
    candidates = list(rows)
    keys: dict[type[object], set[tuple[object, ...]] | None] = {}
    for model in {type(row) for row in candidates}:
        of_model = [row for row in candidates if type(row) is model]
        keys[model] = _readable_keys(session, user, model, of_model)
    return [row for row in candidates if _is_among(row, keys[type(row)])]


def _is_among(row: object, keys: set[tuple[object, ...]] | None) -> bool:
    return keys is None or _key_of(row) in keys


def _readable_keys(
    session: Session, user: object, model: type[object], rows: Sequence[object]
) -> set[tuple[object, ...]] | None:
    if policy_of(model) is None or _is_superuser(user):
        return None
    mapper: Mapper[object] = inspect(model)
    statement = scoped(user, select(model))
    keys = [_key_of(row) for row in rows]
    columns = mapper.primary_key
    same = columns[0].in_([k[0] for k in keys]) if len(columns) == 1 else tuple_(*columns).in_(keys)
    statement = _keys_only(statement.where(same), mapper)
    with session.no_autoflush:
        return {tuple(key) for key in session.execute(statement)}


def _keys_only(statement: Select[Any], mapper: Mapper[object]) -> Select[Any]:
    keys = mapper.primary_key
    return statement.with_only_columns(*keys, maintain_column_froms=True).order_by(None)


def _key_of(row: object) -> tuple[object, ...]:
    return tuple(inspect(type(row)).primary_key_from_instance(row))


def _is_superuser(user: object) -> bool:
    return bool(getattr(user, "is_superuser", False)) and _is_active(user)


def _is_active(user: object) -> bool:
    return is_authenticated(user) and bool(getattr(user, "is_active", True))
