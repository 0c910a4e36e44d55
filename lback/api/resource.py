"""Resources: list, read, create, replace, patch and delete the rows of a model."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias
from urllib.parse import quote

import msgspec
from sqlalchemy import Column, Select, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import StaleDataError

from lback.api.bodies import body_reader
from lback.api.constraint_problems import constraint_problem
from lback.api.filters import Filter
from lback.api.idempotency import run_once
from lback.api.preconditions import check_preconditions, is_not_modified
from lback.api.preferences import wanted_return
from lback.api.problems import InputError, InvalidInput, Problem
from lback.api.references import References
from lback.api.resource_bodies import ACCEPT_PATCH, PatchReader
from lback.api.row_structs import StructClass, row_structs
from lback.auth import policies
from lback.auth.dependants import DELETED, EMPTIED, MAX_ROWS, Dependants, dependants
from lback.auth.permissions import has_permission
from lback.core.app_controller import is_authenticated
from lback.core.exceptions import Forbidden, NotFound, Unauthorized, UnstorableValue
from lback.core.http.json_encoding import json_encode
from lback.core.response import JSON_TYPE, Response
from lback.core.routing.annotations import EMPTY
from lback.database.column_values import compared
from lback.database.row_lock import lock
from lback.forms.identity import identity_of, identity_text, key_value, mapper_of
from lback.forms.row_state import state_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.api.list_pages import NumberedPage, Page
    from lback.core.request import Request
    from lback.core.urls_utils import PathTuple

PUBLIC: Final = "public"
SIGNED_IN: Final = "signed in"

Kind: TypeAlias = Literal["view", "add", "change", "delete"]
Access: TypeAlias = "str | Callable[[Request], bool]"

# Which permission each action needs.
ACTIONS: Mapping[str, Kind] = {
    "list": "view",
    "read": "view",
    "create": "add",
    "replace": "change",
    "patch": "change",
    "delete": "delete",
}
_WRITTEN_BY: Mapping[str, Kind] = {DELETED: "delete", EMPTIED: "change"}
_CACHE = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}

_NOT_FOUND = "This row does not exist, or you may not read it."


class Resource:
    """The rows of a model below a path, for programs.

    A subclass says which struct is read and which are written; `routes` returns the routes. An
    instance is made for each request.

    Who may do what is decided as in the admin. By default an action needs a signed-in user with the
    permission `<name>.view`, `<name>.add`, `<name>.change` or `<name>.delete`, which superusers
    have. The policy of the model narrows the rows in addition: one that the user may not read is
    answered as one that does not exist (404), and a foreign key to one as well (422).

    Attributes:
        model: The model of the rows.
        read: Struct of a row in responses.
        create: Struct of the body that creates a row; None for no such route.
        replace: Struct of the body that replaces a row; None uses `create`.
        patch: Struct of a partial change, each field of which may be unset; None derives it from
            `replace`.
        filter: Filters, order and page of the list; None for pages in the order of the key.
        name: Name in permissions and of the routes; by default the name of the model in words,
            such as "book", as in the admin.
        actions: Which of list, read, create, replace, patch and delete there are routes for.
        access: Who may "view", "add", "change" or "delete", if not those with the permission:
            `PUBLIC`, `SIGNED_IN`, the name of another permission, or a function of the request.
        lookup: Unique column that identifies a row in its URL; by default the primary key.
        if_match: "required" refuses changes without `If-Match` (428).
        idempotency: Whether `Idempotency-Key` is "optional" or "required" to create a row; ""
            ignores it.
        mcp: Which actions are tools of `mcp_endpoint`; none by default.
        deprecated: From when the routes are deprecated (RFC 9745); an aware datetime.
        sunset: When they will stop answering (RFC 8594).
        successor: URL of what replaces them.

    Example:
        >>> from sqlalchemy import String
        >>> from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
        >>> class Base(DeclarativeBase):
        ...     pass
        >>> class Book(Base):
        ...     __tablename__ = "example_books"
        ...     id: Mapped[int] = mapped_column(primary_key=True)
        ...     title: Mapped[str] = mapped_column(String(80))
        >>> from lback.api import ModelStruct, Resource
        >>> class BookOut(ModelStruct, model=Book):
        ...     pass
        >>> class BookIn(ModelStruct, model=Book, for_create=True):
        ...     pass
        >>> class Books(Resource):
        ...     model = Book
        ...     read = BookOut
        ...     create = BookIn
        >>> [(route[0], route[2]) for route in Books.routes("/api/books")][:2]
        [('/api/books', ['GET']), ('/api/books/{id:int}', ['GET'])]
    """

    model: ClassVar[type[Any]]
    read: ClassVar[StructClass]
    create: ClassVar[StructClass | None] = None
    replace: ClassVar[StructClass | None] = None
    patch: ClassVar[StructClass | None] = None
    filter: ClassVar[type[Filter] | None] = None
    name: ClassVar[str] = ""
    actions: ClassVar[Collection[str]] = tuple(ACTIONS)
    access: ClassVar[Mapping[str, Access]] = {}
    lookup: ClassVar[str] = ""
    if_match: ClassVar[Literal["optional", "required"]] = "optional"
    idempotency: ClassVar[Literal["", "optional", "required"]] = "optional"
    mcp: ClassVar[Collection[str]] = ()
    deprecated: ClassVar[datetime | None] = None
    sunset: ClassVar[datetime | None] = None
    successor: ClassVar[str] = ""

    references: ClassVar[References]

    def __init__(self, request: "Request") -> None:
        self.request = request
        self.session: Session = request.db_session

    @classmethod
    def routes(cls, prefix: str) -> "list[PathTuple]":
        """Return the routes of the resource, for `urlpatterns`.

        A route that stands before them in `urlpatterns`, with the same path and method, takes the
        place of one of them.

        Args:
            prefix: Path of the list, such as `"/api/books"`.

        Raises:
            ConfigurationError: An attribute of the class is missing or not valid.
        """
        from lback.api.resource_routes import routes_of

        return routes_of(cls, prefix)

    # Who may do what.

    @property
    def user(self) -> Any:
        """The account that acts: by default the user of the request."""
        return self.request.user

    @property
    def reader(self) -> Any:
        """The user for policies; not loaded if no model has one."""
        return self.user if policies.exist() else None

    def check_access(self, kind: Kind) -> None:
        """Raise unless the user may act on rows of the model at all.

        Args:
            kind: "view", "add", "change" or "delete".

        Raises:
            Unauthorized: The user is not signed in.
            Forbidden: The user lacks the permission.
        """
        access = self.access.get(kind)
        if access == PUBLIC:
            return
        if not is_authenticated(self.user):
            raise Unauthorized
        if callable(access):
            granted = bool(access(self.request))
        elif access == SIGNED_IN:
            granted = bool(getattr(self.user, "is_active", True))
        else:
            # Rows with a method `allows` decide themselves; see `has_permission`.
            decides = kind != "add" and hasattr(self.model, "allows")
            granted = decides or any(map(self._has, self._permissions(kind)))
        if not granted:
            raise Forbidden

    def allows(self, kind: Kind, row: Any) -> bool:
        """Return True if the user may act on a row, in its state in the database.

        Args:
            kind: "view", "add", "change" or "delete".
            row: A row that belongs to the database session.
        """
        if hasattr(self.model, "allows") and self._is_by_permission(kind):
            return any(has_permission(self.user, name, row) for name in self._permissions(kind))
        if kind == "view":
            return bool(policies.readable(self.session, self.reader, [row]))
        return policies.allows(self.reader, kind, row)

    def _is_by_permission(self, kind: Kind) -> bool:
        access = self.access.get(kind)
        return access not in (PUBLIC, SIGNED_IN) and not callable(access)

    def _permissions(self, kind: Kind) -> tuple[str, ...]:
        access = self.access.get(kind)
        if isinstance(access, str):
            return (access,)
        # The permission to change rows includes viewing them, as in the admin.
        kinds = ("view", "change") if kind == "view" else (kind,)
        return tuple(f"{self.name}.{one}" for one in kinds)

    def _has(self, permission: str) -> bool:
        return has_permission(self.user, permission)

    # Rows.

    def statement(self) -> Select[Any]:
        """Return the statement for the rows of the resource; override it to narrow them.

        The policies of the user are applied in addition.
        """
        return select(self.model)

    def find(self, **variables: object) -> Any:
        """Return the row that the URL identifies.

        Args:
            **variables: The path variables.

        Raises:
            NotFound: It does not exist, or the user may not read it; both look the same.
        """
        (value,) = variables.values()
        query = policies.scoped(self.reader, self.statement())
        conditions = self._identified(value)
        row = None
        if conditions is not None:
            options = row_structs(self.model, self.read).options
            found = self.session.scalars(query.where(*conditions).options(*options))
            row = found.unique().one_or_none()
        if row is None or not self.allows("view", row):
            raise NotFound(_NOT_FOUND)
        return row

    def _identified(self, value: object) -> list[Any] | None:
        if self.lookup:
            column: Any = getattr(self.model, self.lookup)
            key = key_value(column.property.columns[0], str(value))
            return None if key is None else [column == compared(column.property.columns[0], key)]
        columns = mapper_of(self.model).primary_key
        if len(columns) == 1:
            one = key_value(columns[0], str(value))
            keys: tuple[object, ...] | None = None if one is None else (one,)
        else:
            keys = identity_of(self.model, str(value))
        if keys is None:
            return None
        return [c == compared(c, key) for c, key in zip(columns, keys, strict=True)]

    def _locked(self, kind: Kind, variables: Mapping[str, object]) -> Any:
        """Return the row for a change, locked and read again; see `check_preconditions`."""
        if self.request.method != "DELETE":
            _ = self.request.body_bytes  # a slow client must not hold the lock
        row = self.find(**variables)
        if not lock(self.session, row):
            raise NotFound(_NOT_FOUND)
        # Another request may have moved it out of what the user may read.
        row = self.find(**variables)
        if not self.allows(kind, row):
            raise Forbidden
        check_preconditions(self.request, self.etag_of(row), required=self.if_match == "required")
        return row

    # Hooks.

    def new_row(self, values: Mapping[str, Any]) -> Any:
        """Return a new row; override it to set what clients may not, such as its owner.

        Args:
            values: The values of the client by attribute.
        """
        return self.model(**values)

    def change_row(self, row: Any, values: Mapping[str, Any]) -> None:
        """Set new values of a row.

        Args:
            row: The row, locked.
            values: The values of the client by attribute.
        """
        for name, value in values.items():
            if getattr(row, name) != value:
                setattr(row, name, value)

    def before_save(self, row: Any, *, is_new: bool) -> None:
        """Do further work before a row is written; raise `Problem` to refuse it.

        Args:
            row: The row with its new values.
            is_new: True if it is created.
        """

    def after_save(self, row: Any, *, is_new: bool) -> None:
        """Do further work after a row was written, in the same transaction.

        Args:
            row: The row.
            is_new: True if it was created.
        """

    def before_delete(self, row: Any) -> None:
        """Do further work before a row is deleted, in the same transaction.

        Args:
            row: The row, locked.
        """

    # Actions.

    def list_rows(self) -> Response:
        """Return one page of the list."""
        kind = self.filter
        assert kind is not None  # noqa: S101  `routes` sets it
        found = kind.from_request(self.request)
        found.user = self.user if policies.exist() else None
        page: Page[Any] | NumberedPage[Any]
        if kind.numbered:
            page = found.numbered_page(self.session, self.read, statement=self.statement())
        else:
            page = found.page(self.session, self.read, statement=self.statement())
        body = json_encode(page)
        etag = f'"{_digest(body)}"'
        fields = {**self._cache(), "ETag": etag, **page.response_fields(self.request)}
        if is_not_modified(self.request, etag):
            return Response(None, 304, fields)
        return Response(body, 200, fields, JSON_TYPE)

    def read_row(self, **variables: object) -> Response:
        """Return one row.

        Args:
            **variables: The path variables.
        """
        row = self.find(**variables)
        body, etag = self._representation(row)
        fields = {**self._cache(), "ETag": etag, **self._accepted()}
        if is_not_modified(self.request, etag):
            return Response(None, 304, fields)
        return Response(body, 200, fields, JSON_TYPE)

    def create_row(self) -> Response:
        """Create a row from the body."""
        if not self.idempotency:
            return self._create()
        return run_once(self.request, self._create, required=self.idempotency == "required")

    def _create(self) -> Response:
        values = self._values(self.create, None)
        row = self.new_row(values)
        self.session.add(row)
        self._save(row, is_new=True)
        # Its own state, not the one that an If-Match of the list would name.
        return self._saved(row, 201, {"Location": self.location_of(row)})

    def replace_row(self, **variables: object) -> Response:
        """Replace a row by the body.

        Args:
            **variables: The path variables.
        """
        row = self._locked("change", variables)
        self._change(row, {**self._defaults(self.replace), **self._body(self.replace)})
        self._save(row, is_new=False)
        return self._saved(row, 200, {})

    def patch_row(self, **variables: object) -> Response:
        """Change what the body names, as a JSON Merge Patch (RFC 7396).

        Args:
            **variables: The path variables.
        """
        assert self.patch is not None  # noqa: S101  `routes` sets it
        row = self._locked("change", variables)
        reader = PatchReader(self.patch, self.replace, self.request.config.MAX_JSON_DEPTH)
        self._change(row, reader.read(self.request, row))
        self._save(row, is_new=False)
        return self._saved(row, 200, {})

    def _change(self, row: Any, values: dict[str, object]) -> None:
        mapper = mapper_of(self.model)
        keys = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
        moved = [name for name in keys if name in values and values.pop(name) != getattr(row, name)]
        if moved:
            text = "The key of a row cannot be changed."
            raise InvalidInput(
                [{"pointer": f"/{name}", "detail": text, "code": "key"} for name in moved]
            )
        self.change_row(row, self.references.resolved(self.session, self.reader, values, row))

    def delete_row(self, **variables: object) -> Response:
        """Delete a row.

        Args:
            **variables: The path variables.
        """
        row = self._locked("delete", variables)
        self.before_delete(row)
        if policies.exist() and not all(map(self._may_lose, dependants(self.session, [row]))):
            raise Forbidden("You may not change or delete all the rows that depend on this one.")
        self.session.delete(row)
        self._flush()
        return Response(None, 204)

    def _may_lose(self, found: Dependants) -> bool:
        """Return True if the user may delete or change everything that a deletion reaches."""
        for inner in found.all():
            kind = _WRITTEN_BY.get(inner.effect)
            if inner.model is None or kind is None or policies.policy_of(inner.model) is None:
                continue
            seen = policies.readable(self.session, self.reader, inner.rows)
            if inner.count > MAX_ROWS or len(seen) < len(inner.rows):
                return False
            if not all(policies.allows(self.reader, kind, row) for row in inner.rows):
                return False
        return True

    # Bodies and responses.

    def _body(self, struct: StructClass | None) -> dict[str, object]:
        assert struct is not None  # noqa: S101  `routes` checks it
        read = body_reader(struct, EMPTY, (), self.request.config.MAX_JSON_DEPTH)
        data = read(self.request)
        found = {field.name: getattr(data, field.name) for field in msgspec.structs.fields(struct)}
        return {name: value for name, value in found.items() if value is not msgspec.UNSET}

    def _defaults(self, struct: StructClass | None) -> dict[str, object]:
        """Return the values of columns that a replacement may leave out: their defaults."""
        columns = mapper_of(self.model).columns
        found: dict[str, object] = {}
        for field in msgspec.structs.fields(struct) if struct is not None else ():
            column = columns.get(field.name)
            if field.default is not msgspec.UNSET or not isinstance(column, Column):
                continue
            if column.default is not None and column.default.is_scalar:
                found[field.name] = getattr(column.default, "arg", None)
            elif column.nullable and column.server_default is None and column.default is None:
                found[field.name] = None
        return found

    def _values(self, struct: StructClass | None, row: object) -> dict[str, object]:
        data = self._body(struct)
        return self.references.resolved(self.session, self.reader, data, row)

    def _save(self, row: Any, *, is_new: bool) -> None:
        self.before_save(row, is_new=is_new)
        self._flush()
        if is_new and not self.allows("add", row):
            raise Forbidden("You may not add a row with these values.")
        if not policies.readable(self.session, self.reader, [row]):
            raise Forbidden("You may not give the row these values.")
        self.after_save(row, is_new=is_new)
        self._flush()
        # As the database stores them, so that the ETag is the one that the next GET returns.
        self.session.expire(row)

    def _flush(self) -> None:
        try:
            self.session.flush()
        except StaleDataError:
            raise Problem(409, detail="The row was changed or deleted meanwhile.") from None
        except UnstorableValue as error:
            # Not an error of the address, although the key is among the values of the statement.
            places: list[InputError] = [{"pointer": "", "detail": error.message, "code": "range"}]
            raise InvalidInput(places) from None
        except DBAPIError as error:
            raise constraint_problem(error, self.model) from None

    def _saved(self, row: Any, status: int, fields: Mapping[str, str]) -> Response:
        body, etag = self._representation(row)
        wanted = wanted_return(self.request.get_header("Prefer"))
        headers = {**self._cache(), **fields, "ETag": etag, **self._accepted()}
        if wanted:
            headers["Preference-Applied"] = f"return={wanted}"
        if wanted == "minimal":
            return Response(None, 201 if status == 201 else 204, headers)
        return Response(body, status, headers, JSON_TYPE)

    def _accepted(self) -> Mapping[str, str]:
        return ACCEPT_PATCH if "patch" in self.actions else {}

    def _cache(self) -> Mapping[str, str]:
        return _CACHE

    def _representation(self, row: Any) -> tuple[bytes, str]:
        structs = row_structs(self.model, self.read).read(self.session, self.reader, [row])
        body = json_encode(structs[0])
        return body, self._etag(row, body)

    def etag_of(self, row: Any) -> str:
        """Return the `ETag` of a row: of its version column or all its columns, and of its JSON.

        Args:
            row: The row.
        """
        return self._representation(row)[1]

    def _etag(self, row: Any, body: bytes) -> str:
        config = self.request.config
        secret = str(config.SECRET_KEY)
        version = mapper_of(self.model).version_id_col
        if version is not None:
            state = str(getattr(row, mapper_of(self.model).get_property_by_column(version).key))
        else:
            state = state_of(row, key=secret)
        return f'"{_digest(state.encode(), body)}"'

    def location_of(self, row: Any) -> str:
        """Return the path of a new row, below the path of the list.

        Args:
            row: The row.
        """
        key = identity_text(row)
        if self.lookup:
            key = quote(str(getattr(row, self.lookup)), safe="")
        elif len(mapper_of(self.model).primary_key) > 1:
            key = quote(key, safe=",")  # parts of the key are quoted within the variable
        script = str(self.request.environ.get("SCRIPT_NAME") or "")
        return f"{quote(script + self.request.path.rstrip('/'), safe='/:@!$&()*+,;=~')}/{key}"


def _digest(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(b"%d:%b" % (len(part), part))
    return digest.hexdigest()
