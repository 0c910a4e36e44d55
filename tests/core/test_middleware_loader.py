"""Middlewares from the configuration: imported by name, built by the names of their parameters."""

import sys
from collections import OrderedDict
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lback.core.config import Config
from lback.core.exceptions import ConfigurationError
from lback.core.middleware_loader import (
    create_middleware,
    import_class,
    load_middlewares_from_config,
)
from lback.core.middleware_manager import MiddlewareManager
from lback.core.signals import SignalDispatcher

SHOP = """
class Plain:
    def process_request(self, request): ...
    def process_response(self, request, response): return response

class Limited(Plain):
    def __init__(self, config, limit=10, *, cache=None):
        self.config, self.limit, self.cache = config, limit, cache

class Keyed(Plain):
    def __init__(self, key):
        if not key: raise ValueError("the key is empty")

class NoMiddleware: ...

def function(): ...
"""


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Write modules of a project that Python imports from; they are gone after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "middleware.py").write_text(SHOP)
    (tmp_path / "shop" / "needy.py").write_text("import nowhere_to_be_found")
    (tmp_path / "shop" / "broken.py").write_text("1 / 0")
    invalidate_caches()
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def manager() -> MiddlewareManager:
    return MiddlewareManager(dispatcher=SignalDispatcher())


def load(manager: MiddlewareManager, *entries: object, **dependencies: object) -> list[Any]:
    config: Any = SimpleNamespace(MIDDLEWARES=list(entries))
    load_middlewares_from_config(manager, config, dependencies)
    return list(manager.middlewares)


def refusal(manager: MiddlewareManager, *entries: object, **dependencies: object) -> str:
    """Return why entries cannot be loaded; nothing of them is then in the chain."""
    before = manager.middlewares
    with pytest.raises(ConfigurationError) as refused:
        load(manager, *entries, **dependencies)
    assert manager.middlewares == before
    assert refused.value.__cause__ is not None
    return str(refused.value)


# Importing a class.


def test_a_class_is_imported_by_its_dotted_path() -> None:
    assert import_class("collections.OrderedDict") is OrderedDict
    assert import_class("shop.middleware.Plain").__name__ == "Plain"


@pytest.mark.parametrize("path", ["", "Plain", ".Plain", "shop.", "..Plain", ".shop.Plain", "."])
def test_invalid_dotted_path_is_refused(path: str) -> None:
    with pytest.raises(ImportError) as refused:
        import_class(path)
    assert f"{path!r} is not a dotted path; write 'package.module.ClassName'" in str(refused.value)


def test_a_missing_module_is_named() -> None:
    with pytest.raises(ImportError, match=r"'no_such\.module\.Plain' cannot be imported: \w+: No"):
        import_class("no_such.module.Plain")
    with pytest.raises(ImportError, match="No module named 'nowhere_to_be_found'") as refused:
        import_class("shop.needy.Plain")
    assert isinstance(refused.value.__cause__, ModuleNotFoundError)


def test_a_missing_class_is_named_with_near_misses() -> None:
    with pytest.raises(ImportError) as refused:
        import_class("shop.middleware.Limted")
    assert (
        str(refused.value) == "the module 'shop.middleware' has no 'Limted'; did you mean Limited?"
    )
    assert isinstance(refused.value.__cause__, AttributeError)
    with pytest.raises(ImportError, match=r"has no 'Zzz'$"):
        import_class("shop.middleware.Zzz")


def test_anything_but_a_class_is_refused() -> None:
    with pytest.raises(TypeError, match=r"'shop\.middleware\.function' is a function, not a class"):
        import_class("shop.middleware.function")
    with pytest.raises(TypeError, match=r"'os\.path' is a module, not a class"):
        import_class("os.path")


def test_an_error_of_the_module_itself_comes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        import_class("shop.broken.Plain")


# Building a middleware.


class Taking:
    """Keeps what its constructor was given."""

    def __init__(self, config: object, limit: int = 10, *, cache: object = None) -> None:
        self.given = (config, limit, cache)

    def process_request(self, request: object) -> None: ...

    def process_response(self, request: object, response: object) -> object:
        return response


def test_parameters_are_filled_with_dependencies_by_name() -> None:
    middleware = create_middleware(Taking, {"config": "c", "cache": "m", "other": "o"})
    assert isinstance(middleware, Taking)
    assert middleware.given == ("c", 10, "m")


def test_params_come_before_dependencies() -> None:
    dependencies = {"config": "c", "cache": "m"}
    middleware = create_middleware(Taking, dependencies, {"cache": "mine", "limit": 3})
    assert middleware.given == ("c", 3, "mine")
    assert create_middleware(Taking, dependencies, {"cache": None}).given == ("c", 10, None)


def test_a_dependency_that_is_none_counts_as_missing() -> None:
    assert create_middleware(Taking, {"config": "c", "limit": None}).given == ("c", 10, None)
    with pytest.raises(TypeError, match=r"Taking\(\) requires 'config'"):
        create_middleware(Taking, {"config": None})
    assert create_middleware(Taking, {}, {"config": None}).given == (None, 10, None)


def test_a_parameter_that_nothing_fills_is_refused() -> None:
    with pytest.raises(TypeError) as refused:
        create_middleware(Taking, {"configs": 1})
    assert str(refused.value) == (
        "Taking() requires 'config', which is neither a dependency nor in its params; "
        "did you mean 'configs'?"
    )
    with pytest.raises(TypeError, match="in its params; dependencies: a, b"):
        create_middleware(Taking, {"b": 1, "a": 1, "none": None})


def test_a_param_that_the_constructor_does_not_take_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Taking\(\) takes no parameter 'limti'; .* 'limit'\?"):
        create_middleware(Taking, {"config": 1}, {"limti": 1})
    with pytest.raises(TypeError, match="'zzz'; it takes config, limit, cache"):
        create_middleware(Taking, {"config": 1}, {"zzz": 1})


def test_a_constructor_without_parameters_takes_none() -> None:
    class Bare:
        pass

    assert isinstance(create_middleware(Bare, {"config": 1}), Bare)
    with pytest.raises(TypeError, match=r"Bare\(\) takes no parameter 'x'; it takes none"):
        create_middleware(Bare, {}, {"x": 1})


def test_stars_take_params_and_no_dependencies() -> None:
    class Open:
        def __init__(self, config: object, *args: object, **options: object) -> None:
            self.given = (config, args, options)

    class OneStar:
        def __init__(self, *args: object) -> None:
            self.given = args

    dependencies = {"config": "c", "args": "a", "options": "o"}
    assert create_middleware(Open, dependencies).given == ("c", (), {})
    middleware = create_middleware(Open, dependencies, {"limit": 1, "options": 2})
    assert middleware.given == ("c", (), {"limit": 1, "options": 2})
    assert create_middleware(OneStar, dependencies).given == ()
    with pytest.raises(TypeError, match=r"OneStar\(\) takes no parameter 'args'; it takes none"):
        create_middleware(OneStar, dependencies, {"args": 1})


def test_a_parameter_by_position_only_is_refused() -> None:
    class Positional:
        def __init__(self, config: object, /) -> None: ...

    with pytest.raises(TypeError, match=r"Positional\(\) takes 'config' by position only"):
        create_middleware(Positional, {"config": 1})


@pytest.mark.parametrize("wrong", [Taking(1), "shop.middleware.Plain", None, lambda: None])
def test_a_middleware_is_built_from_a_class_alone(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a middleware is built from its class, not from"):
        create_middleware(wrong, {"config": 1})


def test_an_error_of_the_constructor_comes_through() -> None:
    with pytest.raises(ValueError, match=r"^the key is empty$"):
        create_middleware(import_class("shop.middleware.Keyed"), {}, {"key": ""})


def test_params_and_dependencies_stay_as_they_were() -> None:
    dependencies, params = {"config": 1}, {"limit": 2}
    create_middleware(Taking, dependencies, params)
    assert (dependencies, params) == ({"config": 1}, {"limit": 2})


# Loading the chain.


def test_entries_come_in_every_form_and_keep_their_order(manager: MiddlewareManager) -> None:
    entries = (
        "shop.middleware.Plain",
        {"class": "shop.middleware.Limited", "params": {"limit": 3}},
        {"class": "shop.middleware.Limited"},
        {"class": Taking, "params": None},
        Taking,
    )
    plain, limited, usual, *taking = load(manager, *entries, config="c", cache="m")
    assert type(plain).__name__ == "Plain"
    assert (limited.config, limited.limit, limited.cache) == ("c", 3, "m")
    assert usual.limit == 10
    assert [t.given for t in taking] == [("c", 10, "m")] * 2


def test_the_list_comes_from_a_config(manager: MiddlewareManager) -> None:
    config = Config(settings={"MIDDLEWARES": ["shop.middleware.Plain"]})
    load_middlewares_from_config(manager, config, {})
    assert len(manager.middlewares) == 1


@pytest.mark.parametrize(
    "config",
    [SimpleNamespace(), SimpleNamespace(MIDDLEWARES=None), SimpleNamespace(MIDDLEWARES=())],
)
def test_an_empty_list_means_no_middleware(manager: MiddlewareManager, config: Any) -> None:
    load_middlewares_from_config(manager, config, {})
    assert manager.middlewares == []


def test_new_middlewares_go_behind_those_that_are_there(manager: MiddlewareManager) -> None:
    first: Any = Taking(1)
    manager.add_middleware(first)
    assert load(manager, Taking, config=2)[0] is first


@pytest.mark.parametrize(
    ("entry", "shown", "message"),
    [
        ("shop.middleware.Plian", "shop.middleware.Plian", "ImportError: the module"),
        ("no_such.Plain", "no_such.Plain", "ImportError: 'no_such.Plain' cannot be imported"),
        ("Plain", "Plain", "ImportError: 'Plain' is not a dotted path"),
        ("", "", "ImportError: '' is not a dotted path"),
        ("shop.broken.Plain", "shop.broken.Plain", "ZeroDivisionError: division by zero"),
        ("shop.middleware.function", "shop.middleware.function", "TypeError: 'shop.middleware.fu"),
        ("shop.middleware.Keyed", "shop.middleware.Keyed", "TypeError: Keyed() requires 'key'"),
        (
            {"class": "shop.middleware.Keyed", "params": {"key": ""}},
            "shop.middleware.Keyed",
            "ValueError: the key is empty",
        ),
        (
            {"class": "shop.middleware.Plain", "params": {"x": 1}},
            "shop.middleware.Plain",
            "TypeError: Plain() takes no parameter 'x'",
        ),
        ({}, "NoneType", 'TypeError: an entry as dict is {"class": "dotted.path", "params": {…}}'),
        ({"params": {}}, "NoneType", "an entry as dict is"),
        (
            {"class": "shop.middleware.Plain", "param": {}},
            "shop.middleware.Plain",
            "an entry as di",
        ),
        ({"class": "shop.middleware.Plain", 1: 2, None: 3}, "shop.middleware.Plain", "an entry as"),
        ({"class": 7}, "int", "an entry is a dotted path, a dict with it, or a class"),
        (7, "int", "an entry is a dotted path, a dict with it, or a class"),
        (None, "NoneType", "an entry is a dotted path"),
        (["shop.middleware.Plain"], "list", "an entry is a dotted path"),
        (Taking(1), "Taking", "an entry is a dotted path"),
        (
            "shop.middleware.NoMiddleware",
            "shop.middleware.NoMiddleware",
            "has no method process_re",
        ),
        (OrderedDict, "OrderedDict", "ValueError: no signature found for builtin type"),
        (SignalDispatcher, "SignalDispatcher", "SignalDispatcher is not a middleware: it has no"),
    ],
)
def test_a_wrong_entry_stops_the_start_and_is_named(
    manager: MiddlewareManager, entry: object, shown: str, message: str
) -> None:
    refused = refusal(manager, "shop.middleware.Plain", entry, "shop.middleware.Plain")
    assert refused.startswith(f"MIDDLEWARES[1] ({shown}): ")
    assert message in refused


def test_a_text_in_place_of_the_list_is_refused(manager: MiddlewareManager) -> None:
    config: Any = SimpleNamespace(MIDDLEWARES="shop.middleware.Plain")
    with pytest.raises(ConfigurationError, match="MIDDLEWARES"):
        load_middlewares_from_config(manager, config, {})


@pytest.mark.parametrize(
    "params",
    [
        {"kye": "hunter2"},
        {"key": "hunter2", "other": "hunter2"},
        ["hunter2"],
        "hunter2",
        {"hunter2"},
    ],
)
def test_a_value_of_params_is_never_shown(manager: MiddlewareManager, params: object) -> None:
    message = refusal(manager, {"class": "shop.middleware.Keyed", "params": params})
    assert message.startswith("MIDDLEWARES[0] (shop.middleware.Keyed): TypeError: ")
    assert "hunter2" not in message


def test_a_dependency_is_never_shown(manager: MiddlewareManager) -> None:
    assert "hunter2" not in refusal(manager, "shop.middleware.Keyed", keys="hunter2")


def test_a_chain_that_cannot_be_loaded_stays_as_it_was(manager: MiddlewareManager) -> None:
    first: Any = Taking(1)
    manager.add_middleware(first)
    refusal(manager, Taking, "shop.middleware.NoMiddleware", config=1)
    assert manager.middlewares == [first]
