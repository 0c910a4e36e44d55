"""The same lists on a website: links between pages and sorted headings, by template macros."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from lback import Application, render
from lback.api import Equal, Filter, Ordering, Prefix
from lback.database import Base, DatabaseManager
from lback.testing import Client

PAGE = """
{% from "api/lists.html" import ordering_heading, pagination %}
<table><thead><tr>
{{ ordering_heading(songs, "name", "Name") }}{{ ordering_heading(songs, "year", "Year") }}
</tr></thead></table>
<form><input name="name" value="{{ songs.name or '' }}"></form>
<ul>{% for song in page.items %}<li>{{ song.name }}</li>{% endfor %}</ul>
{{ pagination(songs, page) }}
"""


class Song(Base):
    __tablename__ = "api_songs"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    year: Mapped[int]


class SongFilter(Filter, model=Song, page_size=2):
    name = Prefix()
    year = Equal()
    ordering = Ordering("name", "-year")


class NumberedSongs(SongFilter, numbered=True):
    pass


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    (tmp_path / "songs.html").write_text(PAGE)
    database = DatabaseManager.from_url(f"sqlite:///{tmp_path / 'songs.sqlite3'}")
    database.create_tables()
    with database.session() as session:
        session.add_all(
            Song(name=name, year=year)
            for name, year in (("A<b>", 1990), ("B & C", 1991), ("D", 1992), ("E", 1990), ("F", 1))
        )
    database.dispose()
    app = Application(
        DATABASE_URL=f"sqlite:///{tmp_path / 'songs.sqlite3'}",
        SECRET_KEY="k" * 40,
        TEMPLATE_DIRS=[str(tmp_path)],
    )

    def show(request: Any, db_session: Any) -> Any:
        songs = SongFilter.from_request(request)
        return render(request, "songs.html", songs=songs, page=songs.page(db_session))

    def numbered(request: Any, songs: NumberedSongs, db_session: Any) -> Any:
        page = songs.numbered_page(db_session)
        return render(request, "songs.html", songs=songs, page=page)

    app.add_route("/songs", show, requires_auth=False)
    app.add_route("/numbered", numbered, requires_auth=False)
    yield Client(app)
    app.db_manager.dispose()


def items(page: str) -> list[str]:
    return re.findall(r"<li>([^<]*(?:&lt;[^<]*)?)</li>", page)


def link(page: str, name: str) -> str:
    found = re.search(rf'href="([^"]*)">{name}', page)
    assert found is not None, page
    return found[1].replace("&amp;", "&")


def test_pages_of_a_website_are_walked_by_links(client: Client) -> None:
    first = client.get("/songs").text
    assert items(first) == ["A&lt;b&gt;", "B &amp; C"]
    assert '<nav class="pagination" aria-label="Pages">' in first
    assert 'rel="prev"' not in first
    second = client.get(f"/songs{link(first, 'Next')}").text
    assert items(second) == ["D", "E"]
    third = client.get(f"/songs{link(second, 'Next')}").text
    assert items(third) == ["F"]
    assert 'rel="next"' not in third
    assert items(client.get(f"/songs{link(third, 'Previous')}").text) == ["D", "E"]
    assert items(client.get(f"/songs{link(third, 'First')}").text) == items(first)


def test_a_short_list_has_no_links_between_pages(client: Client) -> None:
    assert "<nav" not in client.get("/songs?name=D").text


def test_headings_sort_and_say_how(client: Client) -> None:
    page = client.get("/songs?year=1990&name=").text
    assert 'aria-sort="ascending"' in page
    assert link(page, "Name") == "?year=1990&ordering=-name"
    assert link(page, "Year") == "?year=1990&ordering=-year"
    turned = client.get(f"/songs{link(page, 'Name')}").text
    assert 'aria-sort="descending"' in turned
    assert link(turned, "Name") == "?year=1990&ordering=name"
    assert items(turned) == ["E", "A&lt;b&gt;"]


def test_what_a_visitor_wrote_is_escaped(client: Client) -> None:
    page = client.get("/songs?name=%22%3E%3Cscript%3E").text
    assert "<script>" not in page
    assert "&#34;&gt;&lt;script&gt;" in page


def test_macros_need_neither_scripts_nor_styles(client: Client) -> None:
    page = client.get("/songs").text
    assert not re.search(r"<script|style=|onclick|javascript:", page)


def test_numbered_pages_say_where_the_visitor_is(client: Client) -> None:
    page = client.get("/numbered?page=2").text
    assert '<span aria-current="page">2 / 3</span>' in page
    assert link(page, "Next") == "?page=3"
    assert link(page, "Previous") == "?page=1"
    assert client.get("/numbered?page=4").status_code == 404


def test_a_wrong_parameter_is_refused_as_a_page(client: Client) -> None:
    response = client.get("/songs?ordering=x", headers={"Accept": "text/html"})
    assert response.status_code == 422
    assert response.headers["content-type"].startswith("text/html")
