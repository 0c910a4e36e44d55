"""`lback prune` deletes messages beyond the history of the settings and of the rules."""

from lback import Application
from lback.cli.prune import PRUNED
from lback.realtime import publish, room
from lback.realtime.engines import Engine
from lback.realtime.positions import START

PRUNE = PRUNED["lback_realtime_messages", "messages of live pages"]


def test_messages_beyond_the_history_are_pruned(app: Application, engine: Engine) -> None:
    room("short", history=2)(lambda: True)
    for name in ("short", "long"):
        for number in range(5):
            publish(name, number)

    assert PRUNE(app) == 3

    assert engine.read("short", START).reset
    assert len(engine.read("long", START).messages) == 5


def test_without_live_pages_nothing_is_pruned() -> None:
    assert PRUNE(Application()) == 0
