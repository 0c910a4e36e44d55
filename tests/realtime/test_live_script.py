"""The script of live pages in a real browser: what it keeps when it merges a change into a page."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

import lback.realtime

SCRIPT = Path(lback.realtime.__file__).parent / "assets" / "live.js"
ADDRESS = "http://live.test"
ROOM, KEY = "ticket-1", "_rows.html"


def page_of(fragment: str, *, before: str = "", after: str = "") -> str:
    return f"""<!doctype html><html lang="en"><title>Page</title><body>{before}
<div data-lback-room="{ROOM}" data-lback-fragment="{KEY}" data-lback-position="k.@1">{fragment}</div
>{after}<script src="/live.js" data-lback-events="/realtime/events"></script></body></html>"""


class Site:
    """Answers what a page asks for: the page itself, the script and the stream of events."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.html = ""
        self.status = 200
        self.answers: dict[str, tuple[int, str]] = {}
        self.asked: list[Any] = []
        self.number = 0
        self._events: Queue[str] = Queue()
        page.route(f"{ADDRESS}/**", self._answer)

    def show(self, fragment: str, **around: str) -> Page:
        self.html = page_of(fragment, **around)
        self.page.goto(f"{ADDRESS}/page?a=1")
        return self.page

    def publish(self, html: str, *, after: str | None = None, **values: object) -> None:
        """Have the next chunk of the stream bring a fragment."""
        self.number += 1
        seen = f"e.{self.number - 1}" if after is None else after
        data = {"event": "fragment", "fragment": KEY, "html": html, "after": seen, **values}
        self.event("fragment", {"room": ROOM, "id": f"e.{self.number}", "data": data})

    def event(self, name: str, data: object) -> None:
        lines = f"retry: 20\nevent: {name}\ndata: {json.dumps(data)}\nid: k.e.{self.number}\n\n"
        self._events.put(lines)

    def _answer(self, route: Route) -> None:
        request = route.request
        path = request.url.removeprefix(ADDRESS)
        if path == "/live.js":
            route.fulfill(body=SCRIPT.read_text(), content_type="text/javascript")
        elif path.startswith("/realtime/events"):
            self.asked.append(request)
            try:
                body = self._events.get_nowait()
            except Empty:
                body = "retry: 20\n\n"
            route.fulfill(body=body, content_type="text/event-stream")
        elif request.method == "POST" or path in self.answers:
            self.asked.append(request)
            status, body = self.answers.get(path, (500, ""))
            route.fulfill(status=status, body=body, content_type="text/html")
        else:
            if "x-lback-fragment" in request.headers:
                self.asked.append(request)
            route.fulfill(status=self.status, body=self.html, content_type="text/html")


@pytest.fixture
def site(chromium: Browser) -> Iterator[Site]:
    context = chromium.new_context()
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    site = Site(page)
    yield site
    context.close()
    assert faults == []


def nodes_kept(page: Page, selector: str) -> Callable[[], bool]:
    """Mark an element, and tell later whether it is still the same one."""
    page.eval_on_selector(selector, "one => { one.marked = true }")
    return lambda: bool(page.eval_on_selector(selector, "one => one.marked === true"))


def test_size() -> None:
    assert len(gzip.compress(SCRIPT.read_bytes())) <= 8192


def test_a_fragment_is_swapped(site: Site) -> None:
    page = site.show("<p>One</p>")
    is_kept = nodes_kept(page, "p")
    site.publish("<p>One</p><p>Two</p>")
    expect(page.locator("p")).to_have_text(["One", "Two"])
    assert is_kept()
    expect(page.locator("html")).to_have_attribute("data-lback-state", "live")


def test_the_stream_begins_where_the_page_was_read(site: Site) -> None:
    page = site.show("<p>One</p>")
    site.publish("<p>Two</p>")
    expect(page.locator("p")).to_have_text("Two")
    assert site.asked[0].url.endswith("/events?room=ticket-1&last_event_id=k.%401")
    site.publish("<p>Three</p>")
    expect(page.locator("p")).to_have_text("Three")
    assert any(one.url.endswith("last_event_id=k.e.1") for one in site.asked)


def test_half_typed_input_focus_and_selection_stay(site: Site) -> None:
    page = site.show(
        '<form><label>Text <textarea name="text">was</textarea></label>'
        '<label>Title <input name="title" value="old"></label>'
        '<label><input type="checkbox" name="a"> A</label>'
        '<label>Choice <select name="c"><option>1</option><option>2</option></select></label>'
        "</form>"
    )
    page.fill("[name=text]", "half of a sentence")
    page.check("[name=a]")
    page.select_option("[name=c]", "2")
    page.focus("[name=text]")
    page.evaluate("document.activeElement.setSelectionRange(3, 7)")
    site.publish(
        '<p>New</p><form class="new"><label>Text <textarea name="text">is</textarea></label>'
        '<label>Title <input name="title" value="new"></label>'
        '<label><input type="checkbox" name="a"> A</label>'
        '<label>Choice <select name="c"><option>1</option><option>2</option><option>3</option>'
        "</select></label></form>"
    )
    expect(page.locator("form.new")).to_have_count(1)
    state = page.evaluate(
        "[...new FormData(document.forms[0])].flat().concat(document.activeElement.name,"
        " document.activeElement.selectionStart, document.activeElement.selectionEnd)"
    )
    assert state == [
        *("text", "half of a sentence", "title", "new", "a", "on", "c", "2"),
        *("text", 3, 7),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("abc", "xabc"),
        ("abc", "abcx"),
        ("abc", "axbc"),
        ("abc", "cba"),
        ("abc", "bc"),
        ("abcdef", "fxbay"),
        ("", "ab"),
        ("ab", ""),
    ],
)
@pytest.mark.parametrize("has_ids", [True, False])
def test_rows_that_stay_are_the_same_elements(
    site: Site, before: str, after: str, *, has_ids: bool
) -> None:
    def rows(names: str) -> str:
        each = [
            f'<li{f" id=row-{name}" if has_ids else ""}>{name} <input name="{name}"></li>'
            for name in names
        ]
        return f"<ul>{''.join(each)}</ul><p>{names}</p>"

    page = site.show(rows(before))
    for name in before:
        page.fill(f"[name={name}]", f"typed in {name}")
    both = [name for name in before if name in after]
    if both:
        page.focus(f"[name={both[-1]}]")
    site.publish(rows(after))
    expect(page.locator("p")).to_have_text(after)
    values = page.eval_on_selector_all("li input", "all => all.map(one => [one.name, one.value])")
    assert values == [[name, f"typed in {name}" if name in before else ""] for name in after]
    if both:
        assert page.evaluate("document.activeElement.name") == both[-1]


def test_open_details_and_scrolling_stay(site: Site) -> None:
    rows = "".join(f"<p>{number}</p>" for number in range(100))
    page = site.show(
        "<details><summary>More</summary>a</details><details><summary>Less</summary>b</details>"
        f'<div id="box" style="height: 100px; overflow: auto">{rows}</div>'
    )
    page.click("summary >> nth=1")
    page.evaluate("document.querySelector('#box').scrollTop = 500")
    site.publish(
        "<details><summary>First</summary>0</details>"
        "<details><summary>More</summary>a</details><details><summary>Less</summary>b</details>"
        f'<div id="box" style="height: 100px; overflow: auto">{rows}<p>New</p></div>'
    )
    expect(page.locator("#box p")).to_have_count(101)
    opened = page.eval_on_selector_all("details", "all => all.map(one => one.open)")
    assert opened == [False, False, True]
    assert page.evaluate("document.querySelector('#box').scrollTop") == 500


def test_elements_of_scripts_stay(site: Site) -> None:
    page = site.show('<p>One</p><div id="map" data-lback-keep>loading</div>')
    page.evaluate("document.querySelector('#map').textContent = 'a map'")
    site.publish('<p>Two</p><div id="map" data-lback-keep>loading</div>')
    expect(page.locator("p")).to_have_text("Two")
    assert page.inner_text("#map") == "a map"


def test_rows_of_a_table(site: Site) -> None:
    site.html = page_of("").replace("<div data", "<table><tbody data").replace("</div", "</tbody")
    page = site.page
    page.goto(f"{ADDRESS}/page")
    site.publish("<tr><td>1</td></tr><tr><td>2</td></tr>")
    expect(page.locator("tbody tr td")).to_have_text(["1", "2"])


def test_scripts_in_a_fragment_do_not_run(site: Site) -> None:
    page = site.show("<p>One</p>")
    site.publish("<p>Two</p><script>document.title = 'ran'</script>")
    expect(page.locator("p")).to_have_text("Two")
    assert page.title() == "Page"


def test_only_what_knows_of_earlier_changes_is_swapped(site: Site) -> None:
    page = site.show("<p>One</p>")
    site.publish("<p>Two</p>")
    expect(page.locator("p")).to_have_text("Two")
    # Of a transaction that began before that of "Two" had committed, and has not seen it.
    site.html = page_of("<p>Two</p><p>Three</p>")
    site.publish("<p>Three</p>", after="e.0")
    expect(page.locator("p")).to_have_text(["Two", "Three"])


def test_a_fragment_of_each_viewer_is_fetched(site: Site) -> None:
    page = site.show("<p>Yours: 1</p>")
    site.html = page_of("<p>Yours: 2</p>")
    site.number = 1
    data = {"event": "refresh", "fragment": KEY}
    site.event("refresh", {"room": ROOM, "id": "e.1", "data": data})
    expect(page.locator("p")).to_have_text("Yours: 2")
    fetched = [one for one in site.asked if "x-lback-fragment" in one.headers]
    assert [(one.url, one.headers["x-lback-fragment"]) for one in fetched] == [
        (f"{ADDRESS}/page?a=1", KEY)
    ]


def test_reload_fetches_the_fragments(site: Site) -> None:
    page = site.show("<p>One</p>", after='<input name="typed">')
    page.fill("[name=typed]", "half")
    site.html = page_of("<p>Two</p>")
    site.event("reload", {})
    expect(page.locator("p")).to_have_text("Two")
    assert page.input_value("[name=typed]") == "half"


def test_messages_of_the_application_are_events_of_the_document(site: Site) -> None:
    page = site.show("<p>One</p>")
    page.evaluate(
        "document.addEventListener('lback:message', e => { document.title = e.detail.data.event })"
    )
    site.event("ring", {"room": ROOM, "id": "e.1", "data": {"event": "ring"}})
    expect(page).to_have_title("ring")


def test_a_published_form_gets_the_token_of_the_page(site: Site) -> None:
    token = '<input type="hidden" name="csrf_token" value="abc">'
    page = site.show("<p>One</p>", after=f"<form>{token}</form>")
    site.publish(
        '<form id="new"><input type="hidden" name="csrf_token" value="" data-lback-csrf></form>'
    )
    expect(page.locator("#new input")).to_have_value("abc")


FORM = """<form method="post" action="/page?a=1" data-lback-form>
<label>Text <input name="text" value="{}"></label><button name="do" value="it">Send</button>
<p data-lback-failed hidden>Not sent.</p></form>"""


def test_a_form_is_sent_and_the_page_merged(site: Site) -> None:
    page = site.show("<p>One</p>", before='<input name="other">', after=FORM.format(""))
    page.fill("[name=other]", "half")
    page.fill("[name=text]", "Größe")
    answer = page_of("<p>One</p><p>Größe</p>", before='<input name="other">', after=FORM.format(""))
    site.answers["/page?a=1"] = (200, answer)
    is_kept = nodes_kept(page, "[name=other]")
    page.click("button")
    expect(page.locator("div p")).to_have_text(["One", "Größe"])
    assert is_kept()
    assert page.input_value("[name=text]") == ""
    assert page.input_value("[name=other]") == "half"
    [posted] = [one for one in site.asked if one.method == "POST"]
    assert posted.post_data == "text=Gr%C3%B6%C3%9Fe&do=it"


def test_a_form_with_mistakes_is_shown_again(site: Site) -> None:
    page = site.show("<p>One</p>", after=FORM.format(""))
    page.fill("[name=text]", "wrong")
    answer = page_of("<p>One</p>", after=f'<p id="why">No.</p>{FORM.format("wrong")}')
    site.answers["/page?a=1"] = (422, answer)
    page.press("[name=text]", "Enter")
    expect(page.locator("#why")).to_have_text("No.")
    assert page.input_value("[name=text]") == "wrong"


def test_a_form_that_cannot_be_sent_keeps_its_input(site: Site) -> None:
    page = site.show("<p>One</p>", after=FORM.format(""))
    page.fill("[name=text]", "important")
    site.answers["/page?a=1"] = (503, "")
    page.click("button")
    expect(page.locator("[data-lback-failed]")).to_be_visible()
    assert page.input_value("[name=text]") == "important"
    site.answers["/page?a=1"] = (200, page_of("<p>One</p><p>Two</p>", after=FORM.format("")))
    page.click("button")
    expect(page.locator("div p")).to_have_text(["One", "Two"])
    expect(page.locator("[data-lback-failed]")).to_be_hidden()


def test_a_refusal_is_shown_as_without_the_script(site: Site) -> None:
    page = site.show("<p>One</p>", after=FORM.format(""))
    site.answers["/page?a=1"] = (403, "<title>Refused</title>")
    page.click("button")
    expect(page).to_have_title("Refused")


def test_what_is_typed_while_a_form_is_under_way_is_sent_after_it(site: Site) -> None:
    page = site.show("<p>One</p>", after=FORM.format(""))
    site.answers["/page?a=1"] = (200, page_of("<p>One</p>", after=FORM.format("")))
    page.evaluate(
        """() => {
            const [form] = document.forms, field = form.elements.text;
            field.value = "first";
            form.requestSubmit();
            form.requestSubmit();
            field.value = "second";
            form.requestSubmit();
        }"""
    )
    expect(page.locator("[name=text]")).to_have_value("")
    page.wait_for_selector("form:not([aria-busy])")
    sent = [one.post_data for one in site.asked if one.method == "POST"]
    assert sent == ["text=first", "text=second"]
