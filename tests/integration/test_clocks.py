"""Machines whose clocks differ: a visitor who signed in at one of them stays signed in there."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.cli.serving import Running, running
from tests.conftest import new_postgresql
from tests.guides.conftest import Visitor
from tests.integration.machines import PASSWORD, SERVE, Site, visit

pytestmark = [pytest.mark.postgresql, pytest.mark.integration]

ACCOUNT = {"username": "ada", "password": PASSWORD}
REFUSED = "in the future: the clocks of the machines differ by more than CLOCK_TOLERANCE (60 s)"


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Running]]:
    """Three machines, by the seconds that their clocks are ahead."""
    place = tmp_path_factory.mktemp("site")
    with ExitStack() as stack:
        databases = new_postgresql()
        site = Site(place, next(databases))
        stack.callback(lambda: next(databases, None))
        yield {
            ahead: stack.enter_context(
                running(
                    *SERVE,
                    cwd=site.machine(f"machine{ahead}"),
                    **site.settings,
                    CLOCK_AHEAD=str(ahead),
                )
            )
            for ahead in (0, 50, 300)
        }


def is_signed_in(machine: Running, visitor: Visitor) -> bool:
    status = visit(machine, visitor).get("/admin/").status
    return {200: True, 302: False}[status]


def test_a_minute_apart_changes_nothing(machines: dict[int, Running]) -> None:
    before = machines[0].printed.count(REFUSED)
    visitor = visit(machines[50])
    assert visitor.submit("/admin/sign-in", ACCOUNT).status == 303
    assert is_signed_in(machines[50], visitor)
    assert is_signed_in(machines[0], visitor)
    assert machines[0].printed.count(REFUSED) == before


def test_minutes_apart_are_logged_and_sign_out_no_one(machines: dict[int, Running]) -> None:
    right, ahead = machines[0], machines[300]
    visitor = visit(ahead)
    assert visitor.submit("/admin/sign-in", ACCOUNT).status == 303
    cookies = dict(visitor.cookies)
    for _ in range(10):
        assert not is_signed_in(right, visitor)
        # A page with a form, whose token is stored in the session.
        assert visit(right, visitor).get("/admin/sign-in").status == 200
    assert visitor.cookies == cookies
    assert is_signed_in(ahead, visitor)
    workers = len(right.workers())
    right.until(lambda: REFUSED in right.printed)
    assert right.printed.count(REFUSED) <= workers, "once an hour for each worker"
    assert "refused a session from " in right.printed

    # Signing in again at the machine whose clock is right works on both.
    assert visit(right, visitor).submit("/admin/sign-in", ACCOUNT).status == 303
    assert visitor.cookies["session"] != cookies["session"]
    assert is_signed_in(right, visitor)
    assert is_signed_in(ahead, visitor)
