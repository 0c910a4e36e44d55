"""The pages of the admin, as somebody meets them who looks after a gallery."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from sqlalchemy import func, select

from lback import Application
from lback.admin import AdminEntry
from lback.admin.columns import EMPTY
from lback.testing import Client

HOSTILE = "\"'><script>alert(1)</script>{{ 7*7 }}"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03\x08\0\0\0\0"


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" (?:id="[^"]*" )?value="([^"]*)"', page)
    return unescape(found[1]) if found else ""


def titles(page: str) -> list[str]:
    return re.findall(r'class="text first"[^>]*><a[^>]*>([^<]*)<', page)


def entries(session: Any) -> list[AdminEntry]:
    return list(session.scalars(select(AdminEntry).order_by(AdminEntry.id)))


# The door.


def test_no_one_enters_without_signing_in(gallery: Application) -> None:
    client = Client(gallery)
    for url in ("/admin/", "/admin/painting?q=x", "/admin/painting/add", "/admin/nothing",
                "/admin/painting/row/1", "/admin/painting/export.csv"):  # fmt: skip
        answer = client.get(url)
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("/admin/sign-in?next=%2Fadmin%2F")
    assert client.post("/admin/painting", data={"action": "delete"}).headers["location"] == (
        "/admin/sign-in"
    )


def test_signing_in_leads_to_where_one_wanted_to_go(gallery: Application, password: str) -> None:
    client = Client(gallery)
    page = client.get("/admin/painting", follow_redirects=True).text
    assert hidden(page, "next") == "/admin/painting"
    wrong = client.post("/admin/sign-in", data={"username": "ada", "password": "wrong"})
    assert wrong.status_code == 422
    assert "The username or password is wrong." in wrong.text
    assert 'value="wrong"' not in wrong.text
    right = {"username": "ada", "password": password, "next": "/admin/painting"}
    assert client.post("/admin/sign-in", data=right).headers["location"] == "/admin/painting"
    assert client.get("/admin/painting").status_code == 200
    assert client.post("/admin/sign-out").status_code == 303
    assert client.get("/admin/painting").status_code == 302


def test_signing_in_leads_nowhere_else(gallery: Application, password: str) -> None:
    for goal in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"):
        data = {"username": "ada", "password": password, "next": goal}
        answer = Client(gallery).post("/admin/sign-in", data=data)
        assert answer.headers["location"] == "/admin/"


def test_a_user_of_the_site_is_none_of_the_admin(gallery: Application, password: str) -> None:
    with gallery.db_manager.session() as session:
        gallery.user_manager.register(session, "bob", password)
    data = {"username": "bob", "password": password}
    assert Client(gallery).post("/admin/sign-in", data=data).status_code == 422


def test_pages_let_no_foreign_code_in(ada: Client, works: Any) -> None:
    row = f"/admin/painting/row/{works[0].id}"
    for url in ("/admin/", "/admin/painting", row, f"{row}/delete", "/admin/painting/add"):
        answer = ada.get(url)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "private, no-cache"
        assert not re.search(r"<script(?![^>]* src=)| on\w+=|style=|javascript:", answer.text)
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', answer.text)
    css = ada.get("/admin/static/admin.css")
    assert "immutable" in css.headers["cache-control"]
    assert "url(" not in css.text
    assert ada.get("/admin/static/../registry.py").status_code == 404
    assert ada.get("/admin/static/other.css").status_code == 404


# The list.


def test_a_list_is_sorted_and_paged(ada: Client, works: Any) -> None:
    page = ada.get("/admin/painting").text
    assert titles(page) == [f"Work {n:02}" for n in range(10)]
    assert '<span class="count">25</span>' in page
    seen = titles(page)
    while (following := re.search(r'rel="next" href="([^"]+)"', page)) is not None:
        page = ada.get(unescape(following[1])).text
        seen += titles(page)
    assert seen == [f"Work {n:02}" for n in range(25)]
    back: list[str] = []
    while (previous := re.search(r'rel="prev" href="([^"]+)"', page)) is not None:
        page = ada.get(unescape(previous[1])).text
        back = titles(page) + back
    assert back == [f"Work {n:02}" for n in range(20)]
    last = titles(ada.get("/admin/painting?before=end").text)
    assert last == [f"Work {n:02}" for n in range(15, 25)]


@pytest.mark.parametrize("name", ["title", "price", "painter.name", "style", "shown_at", "on_show"])
def test_every_order_shows_every_row_once(ada: Client, works: Any, name: str) -> None:
    for sort in (name, f"-{name}"):
        _check_order(ada, works, name, sort)


def _check_order(ada: Client, works: Any, name: str, sort: str) -> None:
    page = ada.get(f"/admin/painting?sort={sort}").text
    seen = titles(page)
    while (following := re.search(r'rel="next" href="([^"]+)"', page)) is not None:
        page = ada.get(unescape(following[1])).text
        seen += titles(page)
    assert sorted(seen) == [f"Work {n:02}" for n in range(25)]
    if name in ("title", "price"):
        values = {w.title: w.title if name == "title" else w.price for w in works}
        given = [values[title] for title in seen if values[title] is not None]
        assert given == sorted(given, reverse=sort.startswith("-"))


def test_a_list_is_searched(ada: Client, works: Any) -> None:
    assert titles(ada.get("/admin/painting?q=work+07").text) == ["Work 07"]
    assert titles(ada.get("/admin/painting?q=FRIDA+03").text) == ["Work 03"]
    assert "No results." in ada.get("/admin/painting?q=%25").text
    assert "No results." in ada.get("/admin/painting?q=_").text
    assert titles(ada.get("/admin/painter?q=Fri").text) == ["Frida"]
    assert titles(ada.get("/admin/painter?q=rid").text) == []


def test_a_list_is_narrowed(ada: Client, works: Any) -> None:
    def count(query: str) -> int:
        found = re.search(r'<span class="count">(\d+)', ada.get(f"/admin/painting?{query}").text)
        return int(found[1]) if found else -1

    assert count("is-style=INK") == 12
    assert count("is-on_show=true") == 7
    assert count("is-on_show=false&is-style=OIL") == 6
    assert count(f"is-painter={works[0].painter_id}") == 9
    assert count(f"is-themes={works[2].themes[0].id}") == 16
    assert count("is-themes=~") == 9
    assert count("is-shown_at=~") == 0
    assert count("date=2026") == 25
    assert count("date=2026-01") == 3
    assert count("date=2026-01-05&is-style=OIL") == 3
    assert count("date=2026-01-06") == 0


# What no list offers, and what nobody could have been given.
STRANGE = [
    "sort=id;drop", "sort=painter.id", "sort=secret_price", "sort=-", "sort=title,id",
    "sort=%00",
    "is-style=GOLD", "is-painter=x", "is-painter=1%20OR%201=1", "is-id=1", "is-price=x",
    "is-shown_at=yesterday", "date=2026-13", "date=20x6", "date=0000", "date=9999", "date=-",
    "after=x", "after=WzFd", "after=" + "A" * 3000, "before=x", "after=W251bGwsIG51bGxd", "q=%00",
    "q=%ED%A0%80", "q=" + "a+" * 300, "q=a&q=b", "is-style=INK&is-style=OIL",
    "password_hash=x",
]  # fmt: skip


def test_what_a_list_does_not_offer_is_not_looked_at(ada: Client, works: Any) -> None:
    answers = {query: ada.get(f"/admin/painting?{query}").status_code for query in STRANGE}
    assert {query: status for query, status in answers.items() if status != 200} == {}


def test_values_in_lists_stay_text(ada: Client, works: Any, session: Any) -> None:
    works[0].title = works[0].painter.name = works[0].themes[:0] or HOSTILE
    session.commit()
    page = ada.get("/admin/painting?sort=title&q=script&is-painter=x").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}" in page
    found = ada.get(f"/admin/painting?q={'%22%3E%3Cscript%3E'}").text
    assert "<script>" not in found.replace('<script src="', "")


# A row.


def test_a_row_is_added(form_of: Any, ada: Client, works: Any, session: Any) -> None:
    data = form_of(ada.get("/admin/painting/add").text)
    data |= {"title": "New", "painter": str(works[0].painter_id), "price": "12.50", "style": "INK"}
    data |= {"themes": [str(works[2].themes[0].id)], "sales-0-buyer": "Bea", "sales-0-amount": "3"}
    answer = ada.post("/admin/painting/add", data=data, follow_redirects=True)
    assert "New was added." in answer.text
    made = session.scalars(select(type(works[0])).where(type(works[0]).title == "New")).one()
    assert (made.price, made.style.name, made.on_show) == (Decimal("12.50"), "INK", False)
    assert [theme.word for theme in made.themes] == ["Sea"]
    assert [(sale.buyer, sale.amount) for sale in made.sales] == [("Bea", 3)]
    (entry,) = entries(session)
    assert (entry.user_name, entry.action, entry.section, entry.row_label) == (
        "ada", "add", "painting", "New",
    )  # fmt: skip
    assert ("Sales: new: Buyer", EMPTY, "Bea") in [
        (c.field, c.before, c.after) for c in entry.changed
    ]
    assert "New was added." not in ada.get("/admin/").text


def test_what_is_wrong_is_said_and_what_was_entered_stays(ada: Client, works: Any) -> None:
    data = {"title": "x" * 121, "price": "a lot", "painter": "", "style": "", "sales-count": "1",
            "sales-0-buyer": "", "sales-0-amount": "3"}  # fmt: skip
    answer = ada.post("/admin/painting/add", data=data)
    assert answer.status_code == 422
    for words in ("at most 120 characters", "Please write a number.", "Please choose one.",
                  "Please fill this in."):  # fmt: skip
        assert words in answer.text
    assert 'value="a lot"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 4


def test_a_row_is_changed_and_the_history_says_how(
    form_of: Any, ada: Client, works: Any, session: Any
) -> None:
    url = f"/admin/painting/row/{works[1].id}"
    page = ada.get(url).text
    data = form_of(page)
    assert (data["title"], data["price"], data["style"]) == ("Work 01", "1.00", "INK")
    data |= {"title": HOSTILE, "secret_price": "99", "_continue": ""}
    answer = ada.post(url, data=data)
    assert answer.headers["location"] == url
    session.expire_all()
    assert works[1].title == HOSTILE
    changed = {c.field: (c.before, c.after) for c in entries(session)[0].changed}
    assert changed == {
        "Title": ("Work 01", HOSTILE),
        "Secret price": ("(not shown)", "(not shown)"),
    }
    for place in (url, f"{url}/history", "/admin/history", "/admin/", f"{url}/delete"):
        shown = ada.get(place).text
        assert "<script>alert" not in shown
        assert "{{ 7*7 }}" in shown


def test_the_history_of_a_new_row_says_what_was_stored(
    form_of: Any, ada: Client, works: Any, session: Any
) -> None:
    data = form_of(ada.get("/admin/painting/add").text)
    data |= {"title": "New", "style": "", "painter": str(works[0].painter_id)}
    answer = ada.post("/admin/painting/add", data=data)
    assert answer.status_code == 303, answer.text
    changed = {c.field: (c.before, c.after) for c in entries(session)[0].changed}
    assert changed["Title"] == (EMPTY, "New")
    # Left empty, and filled by the default: nothing that became empty.
    assert changed.get("Style") in (None, (EMPTY, "Oil"))


def test_a_row_that_no_one_touched_is_not_a_change(
    form_of: Any, ada: Client, works: Any, session: Any
) -> None:
    url = f"/admin/painting/row/{works[2].id}"
    answer = ada.post(url, data=form_of(ada.get(url).text))
    assert answer.status_code == 303, answer.text
    assert entries(session) == []


def test_two_editors_do_not_overwrite_each_other(
    form_of: Any, ada: Client, gallery: Application, works: Any, session: Any, password: str
) -> None:
    with gallery.db_manager.session() as other:
        gallery.admin_user_manager.register(other, "eve", password, is_superuser=True)
    eve = Client(gallery)
    eve.post("/admin/sign-in", data={"username": "eve", "password": password})
    url = f"/admin/painting/row/{works[0].id}"
    first, second = form_of(ada.get(url).text), form_of(eve.get(url).text)
    assert ada.post(url, data={**first, "title": "By Ada"}).status_code == 303
    late = eve.post(url, data={**second, "title": "By Eve"})
    assert late.status_code == 409
    assert "This was changed by another user" in late.text
    assert "ada saved it at" in late.text
    assert "<td>By Ada</td>" in late.text
    assert 'value="By Eve"' in late.text
    session.expire_all()
    assert works[0].title == "By Ada"
    again = form_of(late.text)
    assert eve.post(url, data=again).status_code == 303
    session.expire_all()
    assert works[0].title == "By Eve"


def test_an_inline_row_of_another_editor_is_a_conflict(
    form_of: Any, ada: Client, works: Any, session: Any
) -> None:
    painting = works[0]
    painting.sales = [type(painting).sales.property.mapper.class_(buyer="Bea", amount=1)]
    session.commit()
    url = f"/admin/painting/row/{painting.id}"
    data = form_of(ada.get(url).text)
    assert data["sales-0-buyer"] == "Bea"
    painting.sales[0].amount = 7
    session.commit()
    assert ada.post(url, data={**data, "sales-0-buyer": "Cleo"}).status_code == 409
    data = form_of(ada.get(url).text)
    assert ada.post(url, data={**data, "sales-0-DELETE": "on"}).status_code == 303
    session.expire_all()
    assert painting.sales == []
    assert ("Sales", "Bea, 7", EMPTY) in [
        (c.field, c.before, c.after) for c in entries(session)[0].changed
    ]


def test_a_row_that_is_not_there(ada: Client, works: Any) -> None:
    for key in ("0", "x", "1,2", "9" * 30, "-1", "%2e%2e", "1%00", "%27"):
        for url in ("", "/delete", "/history", "/file/picture"):
            assert ada.get(f"/admin/painting/row/{key}{url}").status_code == 404, key
        assert ada.post(f"/admin/painting/row/{key}", data={"title": "x"}).status_code == 404


def test_a_file_is_kept_sent_and_removed(
    form_of: Any, ada: Client, works: Any, session: Any
) -> None:
    url = f"/admin/painting/row/{works[0].id}"
    data = form_of(ada.get(url).text)
    hostile = [("a.html", b"<script>"), ("a.svg", b"<svg onload=x>"), ("../../a.png", b"<svg>")]
    for name, content in hostile:
        answer = ada.post(url, data=data, files={"picture": (name, content, "image/png")})
        assert answer.status_code == 422
        assert 'id="id_picture_error"' in answer.text
    assert ada.get(f"{url}/file/picture").status_code == 404
    answer = ada.post(url, data=data, files={"picture": ("..\\x.png", PNG, "text/html")})
    assert answer.status_code == 303, answer.text
    sent = ada.get(f"{url}/file/picture")
    assert sent.body == PNG
    assert sent.headers["content-disposition"] == 'attachment; filename="painting-picture.png"'
    assert sent.headers["content-type"] == "application/octet-stream"
    assert sent.headers["content-security-policy"] == "sandbox"
    for name in ("title", "secret_price", "password", "__class__", "painter"):
        assert ada.get(f"{url}/file/{name}").status_code == 404
    data = form_of(ada.get(url).text) | {"picture-clear": "on"}
    assert ada.post(url, data=data).status_code == 303
    session.expire_all()
    assert works[0].picture is None


# Deleting.


def test_deleting_asks_first_and_names_what_goes_with_it(
    ada: Client, works: Any, session: Any
) -> None:
    painting, key = works[2], works[2].id
    painting.sales = [type(painting).sales.property.mapper.class_(buyer="Bea", amount=1)]
    session.commit()
    url = f"/admin/painting/row/{key}/delete"
    page = ada.get(url).text
    assert "<strong>1 sale</strong>\nwill be deleted as well: Bea, 1" in page
    assert "<strong>2 admin painting themes</strong>\nwill be unlinked" in page
    assert ada.post(url).status_code == 200
    assert session.scalar(select(func.count()).select_from(type(painting))) == 25
    answer = ada.post(url, data={"confirmed": "yes"}, follow_redirects=True)
    assert "1 painting deleted." in answer.text
    session.expire_all()
    assert session.get(type(painting), key) is None
    (entry,) = entries(session)
    assert (entry.action, entry.row_label, entry.row_key) == ("delete", "Work 02", str(key))


def test_what_others_need_is_not_deleted(ada: Client, works: Any, session: Any) -> None:
    url = f"/admin/painter/row/{works[0].painter_id}/delete"
    page = ada.get(url).text
    assert "This cannot be deleted." in page
    assert "<strong>9 paintings</strong>" in page
    assert "must be deleted or changed first" in page
    assert ada.post(url, data={"confirmed": "yes"}).status_code == 409
    assert session.scalar(select(func.count()).select_from(type(works[0].painter))) == 3
    assert entries(session) == []


# Many at once.


def test_an_action_on_chosen_rows(ada: Client, works: Any, session: Any) -> None:
    keys = [str(works[1].id), str(works[2].id)]
    data = {"action": "hang", "key": keys}
    answer = ada.post("/admin/painting?q=work", data=data)
    assert answer.headers["location"] == "/admin/painting?q=work"
    assert "2 put on show." in ada.get(answer.headers["location"]).text
    session.expire_all()
    assert works[1].on_show
    assert works[2].on_show
    assert [(e.action, e.row_key) for e in entries(session)] == [("Put on show", k) for k in keys]


def test_an_action_that_asks_first(ada: Client, works: Any, session: Any) -> None:
    data = {"action": "sell_off", "key": str(works[1].id)}
    page = ada.post("/admin/painting", data=data).text
    assert "Sell off: 1 painting" in page
    assert entries(session) == []
    ada.post("/admin/painting", data={**data, "confirmed": "yes"})
    session.expire_all()
    assert works[1].price == 1


def test_deleting_several(ada: Client, works: Any, session: Any) -> None:
    data = {"action": "delete", "key": [str(row.id) for row in works[:3]]}
    assert "Work 02" in ada.post("/admin/painting", data=data).text
    answer = ada.post("/admin/painting", data={**data, "confirmed": "yes"}, follow_redirects=True)
    assert "3 paintings deleted." in answer.text
    assert len(entries(session)) == 3


def test_choosing_nothing_and_actions_that_are_none(ada: Client, works: Any) -> None:
    answer = ada.post("/admin/painting", data={"action": "hang"}, follow_redirects=True)
    assert "Select at least one row first." in answer.text
    assert ada.post("/admin/painting", data={"action": "hang", "key": "x"}).status_code == 303
    for name in ("label_of", "allows", "", "motifs", "__init__"):
        data = {"action": name, "key": str(works[0].id)}
        assert ada.post("/admin/painting", data=data).status_code == 400


# Exports and pickers.


def test_an_export_as_csv(ada: Client, works: Any, session: Any) -> None:
    works[0].title = '=HYPERLINK("http://evil.example")'
    works[1].price = Decimal("-1")
    session.commit()
    answer = ada.get("/admin/painting/export.csv?sort=-title")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'attachment; filename="painting-' in answer.headers["content-disposition"]
    lines = answer.text.splitlines()
    assert lines[0] == "Id,Title,Painter name,Style,Price,Shown at,Secret price"
    assert len(lines) == 26
    assert lines[1].startswith(f"{works[24].id},Work 24,Frida,Oil,24.00,2026-01-05T12:30:00+00:00,")
    assert '"\'=HYPERLINK(""http://evil.example"")"' in answer.text
    assert ",-1.00," in answer.text


def test_an_export_as_json_of_what_is_shown(ada: Client, works: Any, session: Any) -> None:
    works[1].secret_price = "hidden"
    session.commit()
    answer = ada.get("/admin/painting/export.json?is-style=INK&q=work+01")
    assert json.loads(answer.text) == [
        {
            "id": works[1].id, "title": "Work 01", "painter.name": "Georgia", "style": "Ink",
            "price": "1.00", "shown_at": "2026-02-05T12:30:00+00:00", "secret_price": None,
        }
    ]  # fmt: skip
    assert ada.get("/admin/painting/export.xml").status_code == 404


def test_a_picker_finds_rows(ada: Client, works: Any) -> None:
    assert ada.get("/admin/painter/find?q=Geo").json() == {
        "rows": [{"key": str(works[1].painter_id), "label": "Georgia"}]
    }
    assert len(ada.get("/admin/painter/find").json()["rows"]) == 3
    assert ada.get("/admin/theme/find?q=x").json() == {"rows": []}
    by_key = ada.get(f"/admin/theme/find?q={works[2].themes[0].id}").json()
    assert by_key["rows"][0]["label"] == "Sea"


def test_a_picker_takes_the_place_of_a_long_list(
    form_of: Any, ada: Client, works: Any, session: Any
) -> None:
    painter = type(works[0].painter)
    session.add_all(painter(name=f"{HOSTILE} {number}") for number in range(120))
    session.commit()
    page = ada.get(f"/admin/painting/row/{works[0].id}").text
    assert 'data-find="/admin/painter/find"' in page
    assert '<span class="picked">Frida</span>' in page
    data = form_of(page) | {"painter": str(works[1].painter_id)}
    assert ada.post(f"/admin/painting/row/{works[0].id}", data=data).status_code == 303
    session.expire_all()
    assert works[0].painter.name == "Georgia"


# Who may do what.


def test_a_lesser_role_sees_and_does_less(
    gallery: Application, works: Any, session: Any, helper: Client
) -> None:
    home = helper.get("/admin/").text
    assert "Paintings" in home
    assert "Painters" not in home
    assert "Add painting" not in helper.get("/admin/painting").text
    assert 'name="action"' not in helper.get("/admin/painting").text
    url = f"/admin/painting/row/{works[0].id}"
    page = helper.get(url).text
    assert "Work 00" in page
    assert "<button" not in page.partition("<main")[2]
    assert 'name="title"' not in page
    assert helper.get("/admin/painter").status_code == 404
    assert helper.get("/admin/painting/add").status_code == 403
    assert helper.get(f"{url}/delete").status_code == 403
    assert helper.post(url, data={"title": "Mine"}).status_code == 403
    chosen = {"key": str(works[0].id), "confirmed": "yes"}
    for action in ("hang", "delete"):
        assert helper.post("/admin/painting", data={"action": action, **chosen}).status_code == 403
    session.expire_all()
    assert works[0].title == "Work 00"
    assert entries(session) == []


def test_someone_who_was_deactivated_is_out(ada: Client, gallery: Application, works: Any) -> None:
    with gallery.db_manager.session() as session:
        manager = gallery.admin_user_manager
        account = manager.get_by_username(session, "ada")
        assert account is not None
        manager.deactivate(session, account)
    assert ada.get("/admin/").status_code == 302


# In how many queries.


def test_a_page_asks_the_same_number_of_queries_however_many_rows(
    ada: Client, works: Any, queries: Any, session: Any
) -> None:
    painting = works[0]
    sale = type(painting).sales.property.mapper.class_
    painting.sales = [sale(buyer=f"b{number}", amount=number) for number in range(15)]
    session.commit()
    limits = {
        "/admin/": 4,
        "/admin/painting": 8,
        "/admin/painting?q=work&is-style=INK&sort=-painter.name": 8,
        "/admin/painter": 4,
        "/admin/sale": 4,
        "/admin/sale/find": 4,
        f"/admin/painting/row/{painting.id}": 10,
        "/admin/painting/add": 6,
        f"/admin/painting/row/{painting.id}/delete": 8,
        "/admin/history": 4,
        "/admin/painting/export.json": 4,
    }
    counted = {}
    for url in limits:
        with queries() as asked:
            assert ada.get(url).status_code == 200
        counted[url] = len(asked)
    assert {url: n for url, n in counted.items() if n > limits[url]} == {}


def test_dates_of_the_hierarchy(ada: Client, works: Any, session: Any) -> None:
    works[0].shown_at = datetime(2024, 2, 3, tzinfo=UTC)
    session.commit()
    page = ada.get("/admin/painting").text
    assert re.findall(r"date=(\d+)", page) == ["2024", "2025", "2026"]
    assert len(re.findall(r"date=2026-\d\d\"", ada.get("/admin/painting?date=2026").text)) == 12
    month = ada.get("/admin/painting?date=2024-02").text
    assert len(re.findall(r"date=2024-02-\d\d\"", month)) == 29
    assert titles(ada.get("/admin/painting?date=2024-02-03").text) == ["Work 00"]
