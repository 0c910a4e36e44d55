"""The fixture `published`: what was published, after the commit, with and without the setting."""

import pytest

from lback import Application, Request, Response
from lback.realtime import publish
from lback.testing import Client, PublishedRecorder


@pytest.fixture
def app() -> Application:
    return Application(DEBUG=True)


def test_messages_are_recorded_in_order(published: PublishedRecorder) -> None:
    publish("a", {"event": "x", "n": 1})
    publish("b", 2)
    publish("a", {"event": "y", "n": None})

    assert [(m.room, m.data) for m in published.messages] == [
        ("a", {"event": "x", "n": 1}),
        ("b", 2),
        ("a", {"event": "y", "n": None}),
    ]
    assert [message.event for message in published.of("a")] == ["x", "y"]
    assert published.of("a", event="y", n=None)
    assert not published.of("a", other=None)
    assert published.of("b")[0].data == 2


def test_messages_of_a_failed_request_are_not_recorded(
    app: Application, published: PublishedRecorder
) -> None:
    @app.route("/say/{status:int}", requires_auth=False)
    def say(request: Request, status: int) -> Response:
        publish("a", {"status": status})
        published.assert_published("a", times=0, status=status)
        return Response(b"", status_code=status)

    client = Client(app)
    client.get("/say/200")
    client.get("/say/404")

    published.assert_published("a", status=200)
    published.assert_published("a", times=0, status=404)


def test_the_error_lists_what_was_published(published: PublishedRecorder) -> None:
    with pytest.raises(AssertionError, match=r"0 times, not 1; published:\nnothing"):
        published.assert_published("a")
    publish("a", {"n": 1})
    with pytest.raises(AssertionError, match=r'- a {"n":1}'):
        published.assert_published("a", n=2)
