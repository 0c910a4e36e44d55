"""The lists of the admin on a table of a million rows: time, queries and query plans of each page.

    python benchmarks/admin_scale.py [sqlite] [postgresql] [mariadb] [--rows 1000000] [--plans]

For each page it prints the median of five answers, the median of the page's own statements when
they are run alone, and their number. A server is reached as the tests reach it
(`LBACK_TEST_POSTGRES_URL`, `LBACK_TEST_MARIADB_URL`); a database of its own is made and dropped.
"""

import argparse
import os
import re
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from html import unescape
from typing import Any

from sqlalchemy import ForeignKey, Index, String, event, make_url, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lback import Application
from lback.admin import ModelAdmin
from lback.database import Base, DatabaseManager
from lback.testing import Client

URLS = {
    "postgresql": ("LBACK_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/test"),
    "mariadb": ("LBACK_TEST_MARIADB_URL", "mysql://root@127.0.0.1:3306/test"),
}
PASSWORD = "a password for a benchmark"


class ScaleShop(Base):
    __tablename__ = "scale_shops"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), index=True)


class ScaleOrder(Base):
    __tablename__ = "scale_orders"
    __table_args__ = (
        Index("ix_scale_code", "code", "id", postgresql_ops={"code": "text_pattern_ops"}),
        Index("ix_scale_placed", "placed_at", "id"),
        Index("ix_scale_state", "state", "id"),
        Index("ix_scale_shop", "shop_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10))
    amount: Mapped[int]
    placed_at: Mapped[datetime]
    shop_id: Mapped[int] = mapped_column(ForeignKey("scale_shops.id"))
    shop: Mapped[ScaleShop] = relationship()


class OrderAdmin(ModelAdmin):
    slug = "order"
    list_columns = ("code", "shop.name", "state", "amount", "placed_at")
    search_columns = ("^code",)
    filters = ("state", "shop", "placed_at")
    ordering = ("-id",)
    date_hierarchy = "placed_at"


class ShopAdmin(ModelAdmin):
    slug = "shop"
    search_columns = ("^name",)


FILL = {
    "sqlite": (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) ",
        "datetime('2020-01-01', '+' || i || ' minutes')",
        "printf('C%08d', (i * 7919) % {rows})",
    ),
    "postgresql": (
        "WITH n(i) AS (SELECT generate_series(1, {rows})) ",
        "timestamptz '2020-01-01 00:00:00+00' + i * interval '1 minute'",
        "'C' || lpad(((i::bigint * 7919) % {rows})::text, 8, '0')",
    ),
    "mariadb": (
        "",
        "timestampadd(MINUTE, i, '2020-01-01')",
        "concat('C', lpad((i * 7919) % {rows}, 8, '0'))",
    ),
}


def fill(app: Application, dialect: str, rows: int) -> None:
    numbers, moment, code = (part.format(rows=rows) for part in FILL[dialect])
    source = f"(SELECT seq AS i FROM seq_1_to_{rows}) AS n" if dialect == "mariadb" else "n"
    shops = source.replace(str(rows), "5000")
    with app.db_manager.session() as session:
        concat = "concat('Shop ', i)" if dialect == "mariadb" else "'Shop ' || i"
        session.execute(text(
            f"INSERT INTO scale_shops (id, name) {numbers.replace(str(rows), '5000')}"
            f"SELECT i, {concat} FROM {shops}"
        ))  # fmt: skip
        session.execute(text(
            "INSERT INTO scale_orders (id, code, state, amount, placed_at, shop_id) "
            f"{numbers}SELECT i, {code}, CASE WHEN i % 1000 = 0 THEN 'lost' "
            "WHEN i % 3 = 0 THEN 'open' ELSE 'done' END, "
            f"i % 977, {moment}, 1 + i % 5000 FROM {source}"
        ))  # fmt: skip
    with app.db_manager.engine.connect() as connection:
        tables = ("scale_orders", "scale_shops")
        for table in tables:
            word = "ANALYZE TABLE" if dialect == "mariadb" else "ANALYZE"
            connection.exec_driver_sql(f"{word} {table}").close()
        connection.commit()


def build(url: str) -> Application:
    app = Application(
        DEBUG=True,
        SECRET_KEY="a key for a benchmark only",
        DATABASE_URL=url,
        MIDDLEWARES=[
            f"lback.middleware.{name}"
            for name in ("SecurityHeadersMiddleware", "SessionMiddleware",
                         "AuthenticationMiddleware", "BodyParsingMiddleware", "CSRFMiddleware")
        ],
    )  # fmt: skip
    app.admin_registry.register(ScaleOrder, OrderAdmin)
    app.admin_registry.register(ScaleShop, ShopAdmin)
    app.include("lback.admin.urls", "/admin")
    app.db_manager.create_tables()
    with app.db_manager.session() as session:
        app.admin_user_manager.register(session, "ada", PASSWORD, is_superuser=True)
    return app


@contextmanager
def statements(app: Application) -> Iterator[list[tuple[str, Any]]]:
    asked: list[tuple[str, Any]] = []

    def hear(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters))

    event.listen(app.db_manager.engine, "before_cursor_execute", hear)
    yield asked
    event.remove(app.db_manager.engine, "before_cursor_execute", hear)


def middle_of(client: Client, app: Application, rows: int) -> str:
    """Return the address of a page in the middle, as its neighbour would link to it."""
    from lback.database.keyset import token_of

    return f"/admin/order?after={token_of([rows // 2])}"


def pages(client: Client, app: Application, rows: int) -> dict[str, str]:
    return {
        "first page": "/admin/order",
        "page in the middle": middle_of(client, app, rows),
        "last page": "/admin/order?before=end",
        "search by prefix": "/admin/order?q=C0004213",
        "search, many found": "/admin/order?q=C00",
        "filter, 0.1 % fit": "/admin/order?is-state=lost",
        "filter, 67 % fit": "/admin/order?is-state=done",
        "filter by foreign key": "/admin/order?is-shop=77",
        "one day": "/admin/order?date=2021-03-04",
        "sorted by an index": "/admin/order?sort=-placed_at",
        "one row": f"/admin/order/row/{rows // 2}",
        "search of a picker": "/admin/shop/find?q=Shop+42",
    }


def measure(app: Application, dialect: str, rows: int, *, plans: bool) -> None:
    client = Client(app)
    client.post("/admin/sign-in", data={"username": "ada", "password": PASSWORD})
    print(f"\n{dialect}, {rows:,} rows")
    print(f"{'page':24}{'page ms':>9}{'queries ms':>12}{'queries':>9}  rows")
    for name, url in pages(client, app, rows).items():
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            answer = client.get(url)
            times.append((time.perf_counter() - begun) * 1000)
            assert answer.status_code == 200, (url, answer.status)
        with statements(app) as asked:
            client.get(url)
        found = re.search(r'class="count">([^<]*)', answer.text)
        alone = statistics.median(run(app, asked) for _ in range(3))
        total = unescape(found[1]) if found else "-"
        middle = statistics.median(times)
        print(f"{name:24}{middle:9.1f}{alone:12.1f}{len(asked):9}  {total}")
        if plans:
            for statement, parameters in asked:
                if "scale_orders" in statement and statement.startswith("SELECT"):
                    show_plan(app, dialect, statement, parameters)
    begun, size = time.perf_counter(), 0
    answer = client.get("/admin/order/export.csv?is-shop=77")
    size = answer.text.count("\n")
    print(f"{'export of one shop':24}{(time.perf_counter() - begun) * 1000:9.1f}{'':21}  {size}")


def run(app: Application, asked: list[tuple[str, Any]]) -> float:
    """Return the milliseconds that the reading statements of a page take alone."""
    with app.db_manager.engine.connect() as connection:
        begun = time.perf_counter()
        for statement, parameters in asked:
            if statement.startswith("SELECT"):
                connection.exec_driver_sql(statement, parameters).fetchall()
        return (time.perf_counter() - begun) * 1000


def show_plan(app: Application, dialect: str, statement: str, parameters: Any) -> None:
    word = "EXPLAIN QUERY PLAN" if dialect == "sqlite" else "EXPLAIN"
    with app.db_manager.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"{word} {statement}", parameters).fetchall()
    for row in rows:
        shown = row[-1] if dialect == "sqlite" else " ".join(str(part) for part in row)
        print(f"      {shown}")


@contextmanager
def database(dialect: str) -> Iterator[str]:
    if dialect == "sqlite":
        with tempfile.TemporaryDirectory() as directory:
            yield f"sqlite:///{directory}/scale.sqlite3"
        return
    variable, default = URLS[dialect]
    url, name = os.environ.get(variable, default), f"lback_scale_{secrets.token_hex(4)}"
    server = DatabaseManager.from_url(url)
    engine = server.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            force = " WITH (FORCE)" if dialect == "postgresql" else ""
            connection.exec_driver_sql(f"DROP DATABASE {name}{force}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("databases", nargs="*", default=["sqlite", "postgresql", "mariadb"])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--plans", action="store_true", help="show how each statement is answered")
    options = parser.parse_args()
    for dialect in options.databases:
        with database(dialect) as url:
            app = build(url)
            fill(app, dialect, options.rows)
            measure(app, dialect, options.rows, plans=options.plans)
            app.db_manager.dispose()


if __name__ == "__main__":
    main()
