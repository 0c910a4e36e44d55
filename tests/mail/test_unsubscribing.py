"""One-click unsubscription: who may, who cannot, and what opening a link does (nothing)."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback import Application, ConfigurationError, Request
from lback.mail import Mail, unsubscribe_path, unsubscribe_url
from lback.testing import Client

HOST = "https://localhost"


class Shop:
    """An application whose readers leave."""

    def __init__(self, **settings: Any) -> None:
        self.left: list[tuple[str, str]] = []
        self.app = Application(
            SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["localhost"], MAIL_BACKEND="memory",
            DATABASE_URL="sqlite://", **settings,
        )  # fmt: skip
        self.app.db_manager.create_tables()
        self.app.add_route(*unsubscribe_path("/unsubscribe/", self.leave))

    def leave(self, request: Request, address: str, topic: str) -> None:
        assert request.method == "POST"
        self.left.append((address, topic))

    def url(self, address: str = "ada@example.org", topic: str = "news") -> str:
        return unsubscribe_url(self.app, HOST, address, topic)

    def path(self, *values: str) -> str:
        return self.url(*values).removeprefix(HOST)


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    yield made
    made.app.db_manager.dispose()


def strict(shop: Shop, **headers: str) -> Client:
    """Return a client without cookies, whose requests are checked as those of browsers are."""
    return Client(shop.app, headers=headers, enforce_csrf=True)


def test_an_email_offers_one_click(shop: Shop) -> None:
    url = shop.url("ada+news@example.org", "weekly news, über alles")
    shop.app.mailer.send(Mail("ada@example.org", "News", "…", unsubscribe=url))
    message = message_from_bytes(bytes(shop.app.mailer.outbox[0]), policy=policy.default)
    assert message["List-Unsubscribe"] == f"<{url}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    raw = bytes(shop.app.mailer.outbox[0])
    assert f"List-Unsubscribe: <{url}>\n".encode() in raw  # neither folded nor encoded
    strict(shop).post(url.removeprefix(HOST), data={"List-Unsubscribe": "One-Click"})
    assert shop.left == [("ada+news@example.org", "weekly news, über alles")]


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "https://mail.example"}, {"Sec-Fetch-Site": "cross-site"}], ids=str
)
def test_a_mail_program_needs_no_session_and_no_token_of_a_form(
    shop: Shop, headers: dict[str, str]
) -> None:
    answer = strict(shop, **headers).post(shop.path(), data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert shop.left == [("ada@example.org", "news")]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_the_link_changes_nothing(shop: Shop, method: str) -> None:
    answer = strict(shop).request(method, shop.path())
    assert answer.status_code == 200
    assert shop.left == []
    if method == "GET":
        assert "Do you want no more of these emails to <strong>ada@example.org</strong>?" in (
            answer.text
        )
        assert '<form class="panel" method="post">' in answer.text


def test_an_address_is_shown_as_text(shop: Shop) -> None:
    page = strict(shop).get(shop.path("<script>alert(1)</script>"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script>" not in page.text


def test_other_tokens_do_nothing(shop: Shop) -> None:
    signer = shop.app.token_signer
    good = shop.path().rpartition("/")[2]
    value, _, signature = good.rpartition(".")
    other = "B" if signature[0] == "A" else "A"  # the last character may have bits without meaning
    tokens = [
        signer.sign("lback.upload", ["ada@example.org", "news"]),
        signer.sign("lback.mail.unsubscribe", "ada@example.org"),
        f"{value}.{other}{signature[1:]}",
        good.swapcase(),
        "x",
    ]
    for token in tokens:
        for method in ("GET", "POST"):
            answer = strict(shop).request(method, f"/unsubscribe/{token}")
            assert answer.status_code == 403
            assert "This link is not valid." in answer.text
    assert shop.left == []
    assert signer.read("lback.upload", good, 1e9) is None


def test_a_link_without_a_page_says_what_to_add() -> None:
    app = Application(SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["localhost"])
    with pytest.raises(ConfigurationError, match=r"add unsubscribe_path\("):
        unsubscribe_url(app, HOST, "ada@example.org")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/u", "mailto:a@example.org", "https://", "https://example.com/>,<http:",
        "https://example.com/a b", "https://example.com/ü", "javascript:alert(1)", "",
        "http://localhost.evil.example/u", "https://example.com/" + "a" * 900,
    ],
)  # fmt: skip
def test_only_an_encrypted_address_is_sent(url: str) -> None:
    with pytest.raises(ValueError, match="must begin with https://"):
        Mail("ada@example.org", "News", "…", unsubscribe=url).as_email("shop@example.com")


def test_a_development_server_may_be_without_tls() -> None:
    for url in ("http://localhost:8000/u/x", "http://127.0.0.1/u/x"):
        mail = Mail("ada@example.org", "News", "…", unsubscribe=url)
        assert mail.as_email("shop@example.com")["List-Unsubscribe"] == f"<{url}>"


@given(st.text(max_size=60))
def test_no_address_adds_a_field(ending: str) -> None:
    mail = Mail("ada@example.org", "News", "…", unsubscribe=f"https://example.com/{ending}")
    try:
        message = mail.as_email("shop@example.com")
    except ValueError:
        return
    parsed = message_from_bytes(bytes(message), policy=policy.default)
    assert parsed.keys() == message.keys()
    assert parsed["List-Unsubscribe"] == f"<https://example.com/{ending}>"
