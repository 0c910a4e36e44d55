"""Emails with inline images and attachments, which are read from storages when they are sent."""

import logging
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from lback import Application, ConfigurationError
from lback.mail import Attachment, Mail, Mailer, MissingAttachment
from lback.mail.message import OutgoingMail
from lback.storage import MemoryStorage

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9
HTML = "<p><img src=\"{{ cid('logo') }}\" alt='Shop'> <img src='{{ cid(\"door\") }}'></p>"
LOGO = Attachment("brand/logo.png")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    (tmp_path / "order.html").write_text(HTML)
    app = Application(
        DEBUG=True,
        MAIL_FROM="Shop <shop@example.com>",
        STORAGES={"default": {"backend": "memory"}, "bills": {"backend": "memory"}},
        TEMPLATE_DIRS=[str(tmp_path)],
    )
    storages = app.dependencies["storages"]
    storages["default"].save("brand/logo.png", PNG)
    storages["default"].save("brand/page.html", b"<script>")
    storages["bills"].save("7/bill.pdf", b"%PDF-1.7")
    yield app
    app.mailer.flush()


def mail(**options: Any) -> Mail:
    return Mail("ada@example.org", "Your order", "Thank you.", **options)


def files(message: EmailMessage) -> list[tuple[str, str | None, bytes]]:
    parts = [part for part in message.walk() if part.get_filename()]
    return [(p.get_content_type(), p.get_filename(), p.get_payload(decode=True)) for p in parts]  # type: ignore[misc]


def test_the_html_of_a_template_shows_inline_images(app: Application) -> None:
    html = app.template_renderer.render_to_string("order.html")
    images = {"logo": LOGO, "door": Attachment("brand/logo.png", filename="door.png")}
    app.mailer.send_later(mail(html=html, images=images))
    message = message_from_bytes(bytes(app.mailer.outbox[0]), policy=policy.default)

    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "image/png",
    ]  # fmt: skip
    body = message.get_body(("html",))
    assert body is not None
    shown = body.get_content()
    for part in [part for part in message.walk() if part.get_content_type() == "image/png"]:
        assert part.get_content_disposition() == "inline"
        assert f"cid:{part['Content-ID'].strip('<>')}" in shown
        assert part.get_content() == PNG
    assert files(message)[1][1] == "door.png"
    domain = message["Message-ID"].rpartition("@")[2].strip(">")
    assert shown.count(f"@{domain}") == 2


def test_two_messages_have_different_addresses_of_images(app: Application) -> None:
    letter = mail(html='<img src="cid:logo">', images={"logo": LOGO})
    first, second = (letter.as_email("shop@example.com").files[0].content_id for _ in range(2))
    assert first != second
    assert app.mailer.outbox == []


def test_attachments_are_read_from_the_storage_that_is_named(app: Application) -> None:
    attached = [Attachment("7/bill.pdf", "bills", "Rechnung „Ä“ 7.pdf"), LOGO]
    app.mailer.send(mail(attachments=attached, html="<p>Thank you.</p>"))
    (message,) = app.mailer.outbox
    parsed = message_from_bytes(bytes(message), policy=policy.default)
    assert parsed.get_content_type() == "multipart/mixed"
    assert files(parsed) == [
        ("application/pdf", "Rechnung „Ä“ 7.pdf", b"%PDF-1.7"),
        ("image/png", "logo.png", PNG),
    ]


def test_a_file_that_a_browser_would_execute_has_no_type(app: Application) -> None:
    app.mailer.send(mail(attachments=[Attachment("brand/page.html")]))
    assert files(app.mailer.outbox[0])[0][0] == "application/octet-stream"
    wrong = mail(html="<img src='cid:page'>", images={"page": Attachment("brand/page.html")})
    with pytest.raises(ValueError, match="as an inline image, and its type is application/octet"):
        app.mailer.send(wrong)


def test_the_file_is_read_when_the_email_is_sent(app: Application) -> None:
    with app.dependencies["storages"]["default"].open("brand/logo.png"):
        message = mail(attachments=[Attachment("later.pdf")]).as_email("shop@example.com")
    assert message.get_content_type() == "text/plain"
    app.dependencies["storages"]["default"].save("later.pdf", b"%PDF-late")
    app.mailer.deliver(message)
    assert files(message) == [("application/pdf", "later.pdf", b"%PDF-late")]


def test_a_missing_file_says_which_email_needs_it(
    app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    letter = mail(attachments=[LOGO, Attachment("8/bill.pdf", "bills")])
    with pytest.raises(
        MissingAttachment,
        match=r"email 'Your order' needs '8/bill.pdf' of the storage 'bills', which does not exist",
    ):
        app.mailer.send(letter)
    with caplog.at_level(logging.ERROR):
        app.mailer.send_later(letter)
        assert app.mailer.outbox == []
    assert "email not delivered: the email 'Your order' needs '8/bill.pdf'" in caplog.text


def test_a_storage_that_does_not_exist_and_a_name_that_leaves_it(app: Application) -> None:
    with pytest.raises(ConfigurationError, match="STORAGES has no 'bill'; did you mean bills"):
        app.mailer.send(mail(attachments=[Attachment("7/bill.pdf", "bill")]))
    with pytest.raises(ValueError, match=r"settings\.py' cannot be the name of a stored file"):
        app.mailer.send(mail(attachments=[Attachment("../settings.py")]))
    with pytest.raises(ConfigurationError, match="pass storages="):
        Mailer(app.config, backend=app.mailer.backend).send(mail(attachments=[LOGO]))


def test_a_storage_that_is_away_is_tried_again(app: Application) -> None:
    from lback.storage import StorageUnavailable

    class Away(MemoryStorage):
        left = 2

        def _open(self, name: str, start: int, stop: int | None) -> Any:
            if self.left:
                self.left -= 1
                raise StorageUnavailable
            return super()._open(name, start, stop)

    away = Away()
    away.save("logo.png", PNG)
    mailer = Mailer(
        app.config, backend=app.mailer.backend, tries=(0.0, 0.0), storages=lambda: {"default": away}
    )
    mailer.send_later(mail(attachments=[Attachment("logo.png"), Attachment("logo.png")]))
    assert mailer.flush()
    assert [len(files(message)) for message in mailer.outbox] == [2]


def test_images_and_html_must_fit(app: Application) -> None:
    with pytest.raises(ValueError, match=r"shows cid:door, and its images are \['logo'\]"):
        app.mailer.send_later(mail(html="<img src='cid:door'>", images={"logo": LOGO}))
    with pytest.raises(ValueError, match="does not show its image 'logo'"):
        app.mailer.send_later(mail(html="<p>cid:logo</p>", images={"logo": LOGO}))
    with pytest.raises(ValueError, match="no HTML that shows them"):
        app.mailer.send_later(mail(images={"logo": LOGO}))


@pytest.mark.parametrize(
    "ending", ["\nBcc: all@example.org", "\r\n\r\n<script>", "\r", "\0", "\x85"]
)
@pytest.mark.parametrize("place", ["filename", "name", "image", "unsubscribe", "envelope_sender"])
def test_no_field_can_be_smuggled_in(app: Application, place: str, ending: str) -> None:
    values: dict[str, dict[str, Any]] = {
        "filename": {"attachments": [Attachment("7/bill.pdf", "bills", f"a.pdf{ending}")]},
        "name": {"attachments": [Attachment(f"7/bill.pdf{ending}", "bills")]},
        "image": {"html": f"<img src='cid:a{ending}'>", "images": {f"a{ending}": LOGO}},
        "unsubscribe": {"unsubscribe": f"https://example.com/u{ending}"},
        "envelope_sender": {"envelope_sender": f"bounces@example.com{ending}"},
    }
    with pytest.raises(ValueError):
        app.mailer.send_later(mail(**values[place]))
    assert app.mailer.outbox == []


@pytest.mark.parametrize("name", ["a/b.pdf", "..\\b.pdf", "x" * 201, "\u202egpj.exe"])
def test_a_file_name_is_one_printable_name(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the file name of an attachment"):
        mail(attachments=[Attachment("7/bill.pdf", filename=name)]).as_email("shop@example.com")


def test_long_names_of_images_are_not_encoded() -> None:
    name, domain = "n" * 60, f"{'d' * 60}.{'e' * 60}.example.com"
    letter = mail(html=f"<img src='cid:{name}'>", images={name: LOGO})
    message = letter.as_email(f"shop@{domain}")
    storage = MemoryStorage()
    storage.save("brand/logo.png", PNG)
    sent: list[EmailMessage] = []

    class Sent:
        def deliver(self, message: EmailMessage) -> None:
            sent.append(message_from_bytes(bytes(message), policy=policy.default))

    app = Application(DEBUG=True)
    Mailer(app.config, backend=Sent(), storages=lambda: {"default": storage}).deliver(message)
    (part,) = [part for part in sent[0].walk() if part.get_content_type() == "image/png"]
    assert part["Content-ID"] == f"<{message_id(sent[0], name)}>"


def message_id(message: EmailMessage, name: str) -> str:
    return f"{name}.{message['Message-ID'].strip('<>')}"


def test_bounces_have_an_address_of_their_own(app: Application) -> None:
    message = mail(envelope_sender="bounces+7@bücher.example").as_email("Shop <shop@example.com>")
    assert isinstance(message, OutgoingMail)
    assert message.sender_address == "bounces+7@xn--bcher-kva.example"
    assert message["From"] == "Shop <shop@example.com>"
    with pytest.raises(ValueError, match=r"write bounces@example\.org, without a name"):
        mail(envelope_sender="Shop <a@example.org>").as_email("shop@example.com")
    other = Application(DEBUG=True, MAIL_ENVELOPE_SENDER="bounces@example.com")
    other.mailer.send(mail())
    other.mailer.send(mail(envelope_sender="own@example.com"))
    addresses = [getattr(sent, "sender_address") for sent in other.mailer.outbox]  # noqa: B009
    assert addresses == ["bounces@example.com", "own@example.com"]
    with pytest.raises(ConfigurationError, match="MAIL_ENVELOPE_SENDER"):
        Application(
            app.config.__class__(None, settings={"MAIL_ENVELOPE_SENDER": "x", "DEBUG": True})
        )
