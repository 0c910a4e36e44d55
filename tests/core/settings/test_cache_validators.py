"""CACHES: a slip is told with the way out, and no URL is ever shown."""

from typing import Any

import pytest

from lback.core import Config
from lback.core.settings.cache_validators import check_caches


@pytest.mark.parametrize(
    "caches",
    [
        {},
        {"default": {}},
        {"default": {"backend": "memory"}},
        {"default": {"max_entries": 5}},
        {"default": {"backend": "redis"}, "slow": {"backend": "memory"}},
        {"a": {"backend": "redis", "url": "rediss://:p@h:1/2", "prefix": "", "timeout": 1.5}},
        {"a": {"backend": "redis", "serializer": "pickle", "timeout": 2}},
    ],
)
def test_caches_are_named_mappings(caches: dict[str, Any]) -> None:
    check_caches(caches)


@pytest.mark.parametrize(
    ("caches", "message"),
    [
        ({"": {}}, "'' is not a cache name"),
        ({1: {}}, "1 is not a cache name"),
        ({"a": "redis"}, "'a' must be a mapping, such as {'backend': 'redis'}"),
        ({"a": {"backnd": "redis"}}, "option 'backnd' of 'a' must be one of"),
        ({"a": {"zzz": 1}}, "one of backend, max_entries, url, prefix, timeout, serializer"),
        ({"a": {"max_entries": 0}}, "the max_entries of 'a' must be greater than 0"),
        (
            {"a": {"backend": "redis", "max_entries": 5}},
            "'a' is kept in redis and takes no max_entries; known: url",
        ),
        (
            {"a": {"backend": "radis"}},
            "'radis' of 'a' must be one of memory, redis; did you mean redis?",
        ),
        ({"a": {"backend": "zzz"}}, "must be one of memory, redis"),
        ({"a": {"backend": 1}}, "'backend' of 'a' must be str"),
        ({"a": {"backend": "redis", "timeout": True}}, "'timeout' of 'a' must be int or float"),
        ({"a": {"backend": "redis", "timeout": 0}}, "the timeout of 'a' must be greater than 0"),
        ({"a": {"prefix": "x"}}, "'a' is kept in memory and takes no prefix; known: max_"),
        ({"a": {"backend": "redis", "url": "http://:pw@h"}}, "must begin with redis:// or rediss"),
    ],
)
def test_a_slip_is_told_with_a_hint(caches: dict[Any, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        check_caches(caches)
    assert message in str(raised.value)
    assert ":pw@" not in str(raised.value)


def test_the_settings_know_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHES", '{"default": {"backend": "redis", "url": "bad://:pw@h"}}')
    problems = Config(None).problems(deployed=False)
    assert "must begin with redis://" in problems["CACHES"]
    assert "pw" not in problems["CACHES"]
