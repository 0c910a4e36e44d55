"""Two who write one account at once: the owner who takes it back wins against the thief."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import delete

from lback import Config, Forbidden, Unauthorized, ValidationError
from lback.auth import AccessTokens, ApiKeyManager, TokenManager
from lback.auth.refresh_tokens import RefreshFamily
from lback.database import DatabaseManager
from lback.security import TokenSigner
from lback.users import AccountTokens, User, UserManager
from lback.users.account_lock import end_sessions

pytestmark = pytest.mark.usefixtures("quick_passwords")

ROUNDS = 20
OLD, OWNERS, THIEFS = "correct horse one", "owner battery two", "thief staple three"
config = Config(
    None, settings={"SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc", "JWT_AUDIENCE": "https://example.com"}
)
users = UserManager()
keys = ApiKeyManager(users)
links = AccountTokens(users, TokenSigner(config))


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run several works that begin at the same moment and return what each returned or raised."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return work()
        except (ValidationError, Unauthorized, Forbidden) as error:
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def succeeded(outcomes: list[Any]) -> list[Any]:
    return [outcome for outcome in outcomes if not isinstance(outcome, Exception)]


def new_user(database: DatabaseManager, number: int) -> User:
    with database.session() as session:
        return users.register(session, f"ada{number}", OLD, f"ada{number}@example.org")


@pytest.fixture
def tokens(database: DatabaseManager) -> TokenManager:
    return TokenManager(AccessTokens(config), users, database)


def signed_in(database: DatabaseManager, tokens: TokenManager, user: User) -> str:
    with database.session() as session:
        return tokens.issue(session, session.merge(user)).refresh_token


def is_dead(tokens: TokenManager, refresh_token: str) -> bool:
    try:
        tokens.refresh(refresh_token)
    except Unauthorized:
        return True
    return False


def walk(tokens: TokenManager, refresh_token: str) -> str:
    """Exchange a token several times, as a thief does who wants to keep ahead."""
    last = refresh_token
    for _ in range(3):
        last = tokens.refresh(last).refresh_token
        held.append(last)
    return last


held: list[str] = []


def test_a_thief_keeps_no_refresh_token_where_a_reuse_is_seen(
    database: DatabaseManager, tokens: TokenManager
) -> None:
    user = new_user(database, 0)
    for _ in range(ROUNDS):
        used = signed_in(database, tokens, user)
        held[:] = [tokens.refresh(used).refresh_token]
        current = held[0]
        _, seen = at_once(partial(walk, tokens, current), partial(tokens.refresh, used))
        assert isinstance(seen, Unauthorized)
        assert is_dead(tokens, held[-1])


def test_a_thief_keeps_no_refresh_token_where_the_owner_signs_out(
    database: DatabaseManager, tokens: TokenManager
) -> None:
    user = new_user(database, 0)

    def revoke(token: str) -> None:
        with database.session() as session:
            tokens.revoke(session, token)

    for _ in range(ROUNDS):
        used = signed_in(database, tokens, user)
        held[:] = [tokens.refresh(used).refresh_token]
        current = held[0]
        at_once(partial(walk, tokens, current), partial(revoke, used))
        assert is_dead(tokens, held[-1])


def test_one_refresh_token_is_not_exchanged_twice(
    database: DatabaseManager, tokens: TokenManager
) -> None:
    user = new_user(database, 0)
    for _ in range(ROUNDS):
        token = signed_in(database, tokens, user)
        pairs = succeeded(at_once(*[partial(tokens.refresh, token)] * 4))
        # The second one ends the family: of the one pair that was given nothing is left.
        assert len(pairs) == 1
        assert is_dead(tokens, pairs[0].refresh_token)


def test_tokens_from_before_there_were_families_are_good_and_ended_all_the_same(
    database: DatabaseManager, tokens: TokenManager
) -> None:
    user = new_user(database, 0)
    for _ in range(ROUNDS):
        used = signed_in(database, tokens, user)
        current = tokens.refresh(used).refresh_token
        with database.session() as session:
            session.execute(delete(RefreshFamily))
        held[:] = [current]
        at_once(partial(walk, tokens, current), partial(tokens.refresh, used))
        assert is_dead(tokens, held[-1])


# Passwords.


def reset(
    database: DatabaseManager, link: str, password: str, begin: Barrier | None = None
) -> bool:
    if begin is not None:
        begin.wait()
    with database.session() as session:
        links.reset_password(session, link, password)
    return True


def change(database: DatabaseManager, user: User, password: str, begin: Barrier) -> bool:
    with database.session() as session:
        account = session.get_one(User, user.id)
        assert users.authenticate(session, account.username, OLD) is account
        begin.wait()
        users.replace_password(session, account, password)
    return True


def test_a_thief_does_not_replace_the_password_that_the_owner_sets_by_mail(
    database: DatabaseManager,
) -> None:
    for number in range(ROUNDS):
        user = new_user(database, number)
        link, begin = links.for_reset(user), Barrier(2)

        owner, thief = at_once(
            partial(reset, database, link, OWNERS, begin),
            partial(change, database, user, THIEFS, begin),
        )
        # Either the link is spent, and the owner is told so, or the thief is out.
        assert [owner, thief].count(True) == 1
        with database.session() as session:
            password = OWNERS if owner is True else THIEFS
            assert users.authenticate(session, user.username, password) is not None


def test_one_reset_link_is_spent_once(database: DatabaseManager) -> None:
    for number in range(ROUNDS):
        user = new_user(database, number)
        link = links.for_reset(user)
        passwords = [f"battery staple {number} {letter}" for letter in "abcdefgh"]
        outcomes = at_once(*[partial(reset, database, link, p) for p in passwords])
        assert len(succeeded(outcomes)) == 1


def test_one_sign_up_link_makes_one_account(database: DatabaseManager) -> None:
    def sign_up(link: str) -> int:
        with database.session() as session:
            return links.sign_up(session, link, OWNERS).id

    for number in range(ROUNDS):
        link = links.for_sign_up(f"grace{number}@example.org")
        assert len(succeeded(at_once(*[partial(sign_up, link)] * 4))) == 1


def test_an_address_link_is_worth_nothing_beside_a_reset(database: DatabaseManager) -> None:
    def follow(link: str) -> str:
        with database.session() as session:
            return links.verify_email(session, link).username

    for number in range(ROUNDS):
        user = new_user(database, number)
        mine, thiefs = links.for_reset(user), links.for_email(user, f"thief{number}@example.net")
        owner, thief = at_once(partial(reset, database, mine, OWNERS), partial(follow, thiefs))
        assert isinstance(owner, Exception) != isinstance(thief, Exception)


def make_key(database: DatabaseManager, user: User, begin: Barrier) -> str:
    with database.session() as session:
        account = session.get_one(User, user.id)
        begin.wait()
        return keys.create(session, account, "backdoor")[0]


def test_a_key_that_a_thief_makes_beside_a_reset_is_worth_nothing(
    database: DatabaseManager,
) -> None:
    for number in range(ROUNDS):
        user = new_user(database, number)
        link, begin = links.for_reset(user), Barrier(2)
        owner, thief = at_once(
            partial(reset, database, link, OWNERS, begin),
            partial(make_key, database, user, begin),
        )
        assert owner is True
        with database.session() as session:
            assert isinstance(thief, Forbidden) or keys.account(session, thief) is None


def move(database: DatabaseManager, user: User, begin: Barrier) -> bool:
    with database.session() as session:
        account = session.get_one(User, user.id)
        begin.wait()
        users.set_email(session, account, f"thief{user.id}@example.net")
    return True


def test_an_address_that_a_thief_sets_beside_a_reset_does_not_stay(
    database: DatabaseManager,
) -> None:
    for number in range(ROUNDS):
        user = new_user(database, number)
        link, begin = links.for_reset(user), Barrier(2)
        owner, thief = at_once(
            partial(reset, database, link, OWNERS, begin), partial(move, database, user, begin)
        )
        # Either the owner has the account, or is told that the link is spent.
        assert [owner, thief].count(True) == 1


def test_an_old_password_does_not_come_back_by_a_sign_in_that_renews_its_hash(
    database: DatabaseManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(ROUNDS):
        user = new_user(database, number)
        link = links.for_reset(user)
        with monkeypatch.context() as patch, database.session() as session:
            patch.setattr("lback.users.manager.needs_rehash", lambda _: True)
            assert users.authenticate(session, user.username, OLD) is not None
            reset(database, link, OWNERS)
        with database.session() as session:
            assert users.authenticate(session, user.username, OLD) is None
            assert users.authenticate(session, user.username, OWNERS) is not None


def test_a_slow_sign_out_everywhere_revives_no_session(database: DatabaseManager) -> None:
    user = new_user(database, 0)
    with database.session() as slow:
        account = slow.get_one(User, user.id)
        slow.commit()  # as loaded before the others, and not locked
        for _ in range(2):
            with database.session() as session:
                end_sessions(session, session.get_one(User, user.id))
        assert account.session_version == user.session_version
        end_sessions(slow, account)
    with database.session() as session:
        assert session.get_one(User, user.id).session_version == user.session_version + 3


def test_sessions_that_are_ended_twice_at_once_are_ended_by_both(
    database: DatabaseManager,
) -> None:
    def deactivate(user: User) -> None:
        with database.session() as session:
            users.deactivate(session, session.get_one(User, user.id))

    for number in range(ROUNDS):
        user = new_user(database, number)
        at_once(*[partial(deactivate, user)] * 4)
        with database.session() as session:
            ended = session.get_one(User, user.id).session_version - user.session_version
            assert ended == 4
