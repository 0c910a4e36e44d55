"""A table that is too long to be counted lists, searches and pages by its indexes."""

import re
from html import unescape
from typing import Any

import pytest
from sqlalchemy import insert, text

from lback import Application
from lback.testing import Client

ROWS = 10_500


@pytest.fixture
def many(gallery: Application) -> None:
    """More painters than are counted, whose names begin alike."""
    table: Any = next(
        entry.model.__table__
        for entry in gallery.admin_registry
        if entry.model.__name__ == "Painter"
    )
    with gallery.db_manager.session() as session:
        session.execute(insert(table), [{"name": f"P{n:06}"} for n in range(ROWS)])
    with gallery.db_manager.engine.connect() as connection:
        word = "ANALYZE TABLE" if connection.dialect.name in ("mysql", "mariadb") else "ANALYZE"
        connection.exec_driver_sql(f"{word} {table.name}").close()
        connection.commit()


def names(page: str) -> list[str]:
    return re.findall(r">(P\d{6})</a>", page)


def counted(page: str) -> str:
    found = re.search(r'class="count">([^<]*)', page)
    return found[1] if found else ""


def test_a_long_table(ada: Client, many: None, queries: Any) -> None:
    page = ada.get("/admin/painter").text
    assert counted(page) in ("about 10,000", "about 11,000", "about 10,500")
    assert len(names(page)) == 50
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following is not None
    with queries() as asked:
        second = ada.get(unescape(following[1])).text
    assert len(asked) <= 8
    assert not set(names(page)) & set(names(second))
    last = names(ada.get("/admin/painter?sort=name&before=end").text)
    assert last == [f"P{n:06}" for n in range(ROWS - 50, ROWS)]


def test_a_search_that_finds_most_of_it(ada: Client, many: None) -> None:
    page = ada.get("/admin/painter?q=P0&sort=name").text
    assert counted(page) == "more than 10,000"
    assert names(page) == [f"P{n:06}" for n in range(50)]
    page = ada.get("/admin/painter?q=P0&sort=born").text
    assert counted(page) == "more than 10,000"
    seen = names(page)
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following is not None
    seen += names(ada.get(unescape(following[1])).text)
    assert len(set(seen)) == 100
    assert names(ada.get("/admin/painter?q=P001234").text) == ["P001234"]


def test_an_index_answers_a_page(
    ada: Client, many: None, queries: Any, gallery: Application
) -> None:
    if gallery.db_manager.engine.dialect.name != "sqlite":
        pytest.skip("the plans of the servers depend on what they know of the machine")
    for url in ("/admin/painter", "/admin/painter?sort=name", "/admin/painter?q=P00123"):
        with queries() as asked:
            ada.get(url)
        pages = [s for s in asked if "sort_0" in s and "LIMIT" in s]
        assert len(pages) == 1
        with gallery.db_manager.engine.connect() as connection:
            statement = re.sub(r"\?", "'x'", pages[0].replace("LIMIT ?", "LIMIT 9"))
            statement = statement.replace("OFFSET 'x'", "OFFSET 0")
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN {statement}")).fetchall()
        steps = [row[-1] for row in plan]
        assert any("INDEX" in step or "SCAN" in step for step in steps)
        if "q=" not in url:
            assert not [step for step in steps if "TEMP B-TREE" in step]
        else:
            assert any("USING INDEX" in step for step in steps)
