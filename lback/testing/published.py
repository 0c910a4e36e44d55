"""Records the messages that are published in rooms."""

from typing import TYPE_CHECKING

from lback.realtime.engines.memory import MemoryEngine
from lback.realtime.positions import Position
from lback.realtime.rooms import INTERNAL, import_rooms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from lback.application import Application
    from lback.realtime.messages import Message


class PublishedRecorder(MemoryEngine):
    """Takes the place of the engine of an application, and records what is published.

    Messages are recorded at the commit of the transaction that published them; those of a request
    that fails are not. The setting `REALTIME` may be empty.

    Args:
        app: The application.

    Attributes:
        messages: Everything that was published, in order.

    Example:
        >>> from lback import Application
        >>> from lback.realtime import publish
        >>> published = PublishedRecorder(Application())
        >>> publish("ticket-42", {"event": "comment", "id": 7})
        >>> published.assert_published("ticket-42", event="comment")
        >>> published.of("ticket-42")[0].data
        {'event': 'comment', 'id': 7}
    """

    def __init__(self, app: "Application") -> None:
        super().__init__()
        import_rooms(app.config)
        self.messages: list[Message] = []
        app.dependencies["realtime"] = self

    def append(self, session: "Session | None", batch: "Mapping[str, Sequence[str]]") -> None:
        """Record messages; `publish` calls it.

        Args:
            session: Not used.
            batch: Data of the messages as JSON, by room.
        """
        super().append(session, batch)
        for room, datas in batch.items():
            if room.startswith(INTERNAL):
                continue
            last = self.position(room)
            before = Position(last.epoch, last.offset - len(datas))
            self.messages += self.read(room, before, len(datas)).messages

    def of(self, room: str, **data: object) -> "list[Message]":
        """Return the messages of a room.

        Args:
            room: Name of the room.
            **data: Only those whose data has these values, among others.
        """
        found = []
        for message in self.messages:
            given = message.data if isinstance(message.data, dict) else {}
            has_all = all(name in given and given[name] == data[name] for name in data)
            if message.room == room and has_all:
                found.append(message)
        return found

    def assert_published(self, room: str, *, times: int = 1, **data: object) -> None:
        """Assert that a message was published in a room a number of times.

        Args:
            room: Name of the room.
            times: How often.
            **data: Values of its data, among others.

        Raises:
            AssertionError: It was not; the message lists what was published.
        """
        number = len(self.of(room, **data))
        if number != times:
            lines = [f"- {message.room} {message.json}" for message in self.messages]
            listed = "\n".join(lines) or "nothing"
            raise AssertionError(f"published {number} times, not {times}; published:\n{listed}")
