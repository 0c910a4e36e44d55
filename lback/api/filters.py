"""Filters: which rows of a model a list shows, in which order and on which page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar, overload
from urllib.parse import urlencode

import msgspec
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from lback.api.cursors import (
    Cursor,
    CursorError,
    read_cursor,
    state_of_list,
    write_cursor,
)
from lback.api.descriptions import Parameter
from lback.api.filter_fields import Context, FilterField, Ordering, Reader
from lback.api.list_pages import CURSOR, LIMIT, PAGE, TOTAL, NumberedPage, Page
from lback.api.messages import message
from lback.api.problems import InvalidInput
from lback.api.row_structs import StructClass, row_structs
from lback.auth import policies
from lback.auth.scoped_joins import ScopedJoins
from lback.core.exceptions import ConfigurationError, NotFound, did_you_mean
from lback.database.counting import EXACT_UP_TO, Count, count
from lback.database.keyset import SortKey, read_page, sort_key, unique_order
from lback.forms.identity import mapper_of

if TYPE_CHECKING:
    from lback.core.request import Request

T = TypeVar("T")

_OF_REQUEST = object()

# Attributes of a filter that no parameter may hide.
_TAKEN = frozenset({"model", "limit", "order", "page_number", "request", "values", "wants_total"})


class Filter:
    """The query parameters of a list: an allow-list of filters, the order, and the page.

    A subclass declares them as attributes. A view takes it as a parameter, or calls `from_request`.
    A parameter that is not declared is refused with status 422; the row policies of the model and
    of related models apply to the user of the request.

    Subclasses are declared with these options in place of `class BookFilter(Filter, …)`:

    - `model`: The model of the rows; required.
    - `numbered`: True for `?page=3` in place of cursors.
    - `page_size`: Items of a page unless the client says `?limit=`; 50 by default.
    - `max_page_size`: Greatest `limit`; 200 by default.
    - `further`: Names of parameters that the view reads itself.

    Attributes:
        values: Value of each declared parameter that the client sent.
        limit: Items of a page.
        order: Names of the sort columns, `-` for descending.
        user: The account whose policies apply; None if no user is signed in.

    Example:
        >>> from sqlalchemy import String
        >>> from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
        >>> class Base(DeclarativeBase):
        ...     pass
        >>> class Book(Base):
        ...     __tablename__ = "example_books"
        ...     id: Mapped[int] = mapped_column(primary_key=True)
        ...     title: Mapped[str] = mapped_column(String(80))
        >>> from lback.api import Equal, Filter, Ordering, Prefix
        >>> class BookFilter(Filter, model=Book):
        ...     title = Prefix()
        ...     number = Equal("id")
        ...     ordering = Ordering("title", "-id")
        >>> [parameter.name for parameter in BookFilter.api_parameters()]
        ['title', 'number', 'ordering', 'cursor', 'limit', 'total']
    """

    model: ClassVar[type[Any]]
    fields: ClassVar[dict[str, FilterField]] = {}
    page_size: ClassVar[int] = 50
    max_page_size: ClassVar[int] = 200
    numbered: ClassVar[bool] = False
    further: ClassVar[Sequence[str]] = ()
    _orderings: ClassVar[list[Ordering]] = []  # one at most
    _known: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(
        cls,
        model: type[Any] | None = None,
        numbered: bool | None = None,
        page_size: int | None = None,
        max_page_size: int | None = None,
        further: Sequence[str] | None = None,
    ) -> None:
        super().__init_subclass__()
        options = {
            "model": model, "numbered": numbered, "page_size": page_size,
            "max_page_size": max_page_size, "further": further,
        }  # fmt: skip
        for name, value in options.items():
            if value is not None:
                setattr(cls, name, value)
        where = f"{cls.__module__}.{cls.__qualname__}"
        _check_options(cls, where)
        cls.fields = {**cls.fields, **_declared(cls)}
        for name, found in cls.fields.items():
            found.bind(cls.model, name, f"{where}.{name}")
        _check_names(cls, where)
        cls._known = frozenset({*(item.name for item in cls.api_parameters()), *cls.further})
        cls._orderings = [found for found in cls.fields.values() if isinstance(found, Ordering)]

    def __init__(self, request: "Request", values: dict[str, object]) -> None:
        self.request = request
        self.values = values
        self.limit = self.page_size
        self.wants_total = False
        self.page_number = 1
        ordering = self._ordering
        chosen = None if ordering is None else values.get(ordering.name)
        self.order: tuple[str, ...] = chosen or (ordering.default if ordering else ())  # type: ignore[assignment]  # what `Ordering.read` returns
        self._cursor: Cursor | None = None
        self._user: Any = _OF_REQUEST

    @property
    def _ordering(self) -> Ordering | None:
        return self._orderings[0] if self._orderings else None

    @property
    def user(self) -> Any:
        """The account whose policies apply: by default the user of the request."""
        return self.request.user if self._user is _OF_REQUEST else self._user

    @user.setter
    def user(self, account: Any) -> None:
        self._user = account

    @property
    def _reader_of_rows(self) -> Any:
        # Without policies nothing depends on the user, who need not be loaded.
        return self.user if policies.exist() else None

    @classmethod
    def from_request(cls, request: "Request") -> Self:
        """Return the filter that the query of a request asks for.

        Args:
            request: The request.

        Raises:
            InvalidInput: A parameter is unknown, has an invalid value, or the cursor is not valid
                for this order and filter; status 422 with every wrong parameter.
        """
        query = request.query_params
        reader = Reader({name: query.getlist(name) for name in query})
        cls._refuse_unknown(reader)
        values = {name: found.read(reader) for name, found in cls.fields.items()}
        made = cls(request, {name: value for name, value in values.items() if value is not None})
        made._read_page(reader)
        if reader.errors:
            raise InvalidInput(reader.errors)
        return made

    @classmethod
    def _refuse_unknown(cls, reader: Reader) -> None:
        for name in reader.values:
            if name not in cls._known:
                hint = did_you_mean(name, cls._known)
                text = message("unknown").removesuffix(".")
                reader.refuse(name[:100], f"{text}{hint}", "unknown")

    def _read_page(self, reader: Reader) -> None:
        self.limit = reader.one(LIMIT, _limit(self)) or self.page_size
        if self.numbered:
            self.page_number = reader.one(PAGE, _NUMBER) or 1
            return
        self.wants_total = bool(reader.one(TOTAL, bool))
        text = reader.one(CURSOR, str)
        try:
            self._cursor = read_cursor(self._signer(), text, self._state()) if text else None
        except CursorError as error:
            reader.refuse(CURSOR, str(error), "cursor")

    @classmethod
    def api_parameters(cls) -> Sequence[Parameter]:
        """Return all query parameters, for the documentation of the API."""
        found = [parameter for item in cls.fields.values() for parameter in item.parameters()]
        size = f"Items of a page, at most {cls.max_page_size}."
        limit = _parameter(LIMIT, _limit(cls), cls.page_size, size)
        if cls.numbered:
            return [*found, _parameter(PAGE, _NUMBER, 1, "Number of the page, from 1."), limit]
        place = "Place in the list: `next` or `previous` of another page."
        total = "Whether to count the items of all pages."
        return [
            *found,
            _parameter(CURSOR, str, None, place),
            limit,
            _parameter(TOTAL, bool, False, total),
        ]

    # The query.

    def statement(
        self, session: Session, statement: Select[Any] | None = None, *, joins: Any = None
    ) -> Select[Any]:
        """Return the statement for the rows, without an order and a page.

        Args:
            session: Database session.
            statement: A `select` of the model to narrow; None begins with all rows.
            joins: Joins of the order, for the page.
        """
        base = select(self.model) if statement is None else statement
        narrowed = policies.scoped(self._reader_of_rows, base)
        if joins is not None:
            narrowed = joins.apply(narrowed)
        dialect = session.get_bind().dialect
        context = Context(self.model, self._reader_of_rows, dialect, narrowed)
        for name, value in self.values.items():
            context.statement = self.fields[name].narrow(context, value)
        return context.statement

    def sort_keys(self, session: Session, joins: ScopedJoins) -> list[SortKey]:
        """Return the sort keys of the order, with the primary key last.

        Args:
            session: Database session.
            joins: Notes the joins that the keys need.
        """
        dialect, keys = session.get_bind().dialect, []
        for name in self.order:
            assert self._ordering is not None  # noqa: S101  without one there is no order
            path = self._ordering.paths[name.removeprefix("-")]
            keys.append(
                sort_key(
                    joins.expression(path.column, path.path),
                    dialect,
                    descending=name.startswith("-"),
                    nullable=path.nullable,
                )
            )
        return unique_order(keys, mapper_of(self.model).primary_key)

    def count(self, session: Session, statement: Select[Any] | None = None) -> Count:
        """Return the number of rows on all pages: exact up to 10,000.

        Args:
            session: Database session.
            statement: As in `page`.
        """
        table: Any = mapper_of(self.model).local_table
        return count(session, self.statement(session, statement), table, filtered=True)

    @overload
    def page(
        self, session: Session, read: type[T], *, statement: Select[Any] | None = None
    ) -> Page[T]: ...

    @overload
    def page(
        self, session: Session, read: None = None, *, statement: Select[Any] | None = None
    ) -> Page[Any]: ...

    def page(
        self,
        session: Session,
        read: type[T] | None = None,
        *,
        statement: Select[Any] | None = None,
    ) -> Page[Any]:
        """Read the page that the client asks for: one query, and one for the total if wanted.

        Args:
            session: Database session.
            read: Struct that each row becomes; None leaves rows as they are, for templates.
            statement: A `select` of the model to narrow; None begins with all rows.

        Raises:
            InvalidInput: The cursor is not valid any more.
        """
        joins = ScopedJoins(self.model, self._reader_of_rows)
        keys = self.sort_keys(session, joins)
        query = self.statement(session, statement, joins=joins)
        cursor = self._cursor
        try:
            values = None if cursor is None else cursor.values(keys)
        except CursorError as error:
            raise _invalid_cursor(error) from None
        backwards = cursor is not None and cursor.backwards
        if read is not None:
            query = query.options(*row_structs(self.model, read).options)
        found = read_page(session, query, keys, self.limit, values, backwards=backwards)
        return Page(
            items=self.read_rows(session, found.rows, read),
            next=self._cursor_of(found.following, backwards=False),
            previous=self._cursor_of(found.previous, backwards=True),
            total=self._total(session, statement) if self.wants_total else None,
        )

    @overload
    def numbered_page(
        self, session: Session, read: type[T], *, statement: Select[Any] | None = None
    ) -> NumberedPage[T]: ...

    @overload
    def numbered_page(
        self, session: Session, read: None = None, *, statement: Select[Any] | None = None
    ) -> NumberedPage[Any]: ...

    def numbered_page(
        self,
        session: Session,
        read: type[T] | None = None,
        *,
        statement: Select[Any] | None = None,
    ) -> NumberedPage[Any]:
        """Read the numbered page that the client asks for: one query, and one for the count.

        Args:
            session: Database session.
            read: As in `page`.
            statement: As in `page`.

        Raises:
            NotFound: There are fewer pages.
        """
        total = self.count(session, statement)
        pages = max(1, -(-total.number // self.limit))
        if self.page_number > pages:
            raise NotFound(f"Page {self.page_number} does not exist; the last one is {pages}.")
        joins = ScopedJoins(self.model, self._reader_of_rows)
        keys = self.sort_keys(session, joins)
        query = self.statement(session, statement, joins=joins)
        if read is not None:
            query = query.options(*row_structs(self.model, read).options)
        query = query.order_by(*(key.order for key in keys)).limit(self.limit)
        rows = session.scalars(query.offset((self.page_number - 1) * self.limit)).unique().all()
        return NumberedPage(
            items=self.read_rows(session, rows, read),
            page=self.page_number,
            pages=pages,
            total=total.number if total.is_exact else None,
        )

    def read_rows(
        self,
        session: Session,
        rows: Sequence[object],
        read: StructClass | None,
    ) -> list[Any]:
        """Return the items of a page; override it to change them.

        Args:
            session: Database session.
            rows: The rows of the page.
            read: Struct that each row becomes; None leaves rows as they are.
        """
        if read is None:
            return list(rows)
        return row_structs(self.model, read).read(session, self._reader_of_rows, rows)

    def _total(self, session: Session, statement: Select[Any] | None) -> int | None:
        number = self.count(session, statement)
        return number.number if number.is_exact else None

    # Cursors.

    def _state(self) -> str:
        query = self.request.query_params
        page = {CURSOR, PAGE, LIMIT, TOTAL}
        ordering = self._ordering
        if ordering is not None:
            page.add(ordering.parameter_name)
        narrowing = [
            (name, texts)
            for name in query
            if name not in page and (texts := [text for text in query.getlist(name) if text])
        ]
        return state_of_list(type(self).__qualname__, self.order, narrowing)

    def _signer(self) -> Any:
        return self.request.get_service("token_signer")

    def _cursor_of(self, values: list[object] | None, *, backwards: bool) -> str | None:
        if values is None:
            return None
        return write_cursor(self._signer(), self._state(), values, backwards=backwards)

    # For templates.

    def url(self, **changes: object) -> str:
        """Return the query string of this list with some parameters changed.

        Without `cursor` or `page` among the changes it is that of the first page.

        Args:
            **changes: New values by parameter; None or "" removes one, a list repeats it.

        Example:
            In a template: `<a href="{{ books.url(state='open') }}">Open</a>`
        """
        query = self.request.query_params
        kept = {
            name: [text for text in query.getlist(name) if text]
            for name in query
            if name not in (CURSOR, PAGE) and name not in changes
        }
        kept.update({name: _listed(value) for name, value in changes.items()})
        return f"?{urlencode([(name, text) for name, texts in kept.items() for text in texts])}"

    def sorted_by(self, name: str) -> str:
        """Return "ascending", "descending" or "none", the values of `aria-sort`.

        Args:
            name: Name of a column of the ordering.
        """
        first = self.order[0] if self.order else ""
        if first.removeprefix("-") != name:
            return "none"
        return "descending" if first.startswith("-") else "ascending"

    def ordering_url(self, name: str) -> str:
        """Return the query string that sorts by a column, or in the other direction by the same.

        Args:
            name: Name of a column of the ordering.

        Raises:
            ConfigurationError: The filter has no such ordering.
        """
        ordering = self._ordering
        if ordering is None or name not in ordering.paths:
            known = () if ordering is None else ordering.paths
            raise ConfigurationError(
                f"{type(self).__qualname__} is not ordered by {name!r}{did_you_mean(name, known)}"
            )
        now = self.sorted_by(name)
        turned = {"ascending": f"-{name}", "descending": name}
        return self.url(
            **{ordering.parameter_name: turned.get(now, ordering.first_directions[name])}
        )


_NUMBER = Annotated[int, msgspec.Meta(ge=1, le=EXACT_UP_TO)]


def _limit(source: "Filter | type[Filter]") -> Any:
    return Annotated[int, msgspec.Meta(ge=1, le=source.max_page_size)]


def _parameter(name: str, kind: Any, default: object, description: str) -> Parameter:
    return Parameter(name, name, "query", kind, False, default, description)


def _declared(cls: type[Filter]) -> dict[str, FilterField]:
    return {name: found for name, found in vars(cls).items() if isinstance(found, FilterField)}


def _check_options(cls: type[Filter], where: str) -> None:
    if getattr(cls, "model", None) is None:
        raise ConfigurationError(f"{where} has no model: write class …(Filter, model=Book)")
    if not 1 <= cls.page_size <= cls.max_page_size:
        raise ConfigurationError(
            f"{where} has page_size={cls.page_size} and max_page_size={cls.max_page_size}; "
            "the first is at least 1 and at most the second"
        )


def _check_names(cls: type[Filter], where: str) -> None:
    names = [parameter.name for parameter in cls.api_parameters()]
    twice = sorted({name for name in names if names.count(name) > 1})
    taken = [name for name in cls.fields if hasattr(Filter, name) or name in _TAKEN]
    if twice or taken:
        raise ConfigurationError(
            f"{where} declares {', '.join([*taken, *twice])}, which is taken; use another name, as "
            'in owner = Equal("user_id", parameter="user")'
        )
    if sum(isinstance(found, Ordering) for found in cls.fields.values()) > 1:
        raise ConfigurationError(f"{where} declares more than one Ordering")


def _listed(value: object) -> list[str]:
    values = value if isinstance(value, (list, tuple)) else [value]
    return [str(item) for item in values if item not in (None, "")]


def _invalid_cursor(error: CursorError) -> InvalidInput:
    return InvalidInput(
        [{"parameter": CURSOR, "in": "query", "detail": str(error), "code": "cursor"}]
    )
