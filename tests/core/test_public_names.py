"""The names that users of `lback.core` rely on: there, of that kind, callable that way.

Each line of `public_names.txt` is one promise. A signature may grow by keyword-only parameters
with a default, and by nothing else.
"""

import ast
import functools
import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

import lback.core

LINES = Path(__file__).with_name("public_names.txt").read_text().splitlines()
KINDS = ("abstract", "async", "export", "instance", "member", "property", "static", "value")


def split(line: str) -> tuple[str, str]:
    """Return the kind of a promise and the rest of its line."""
    kind, _, rest = line.partition(" ")
    return (kind, rest) if kind in KINDS else ("", line)


def find(path: str) -> tuple[Any, Any]:
    """Return the object at a dotted path and its raw form in the class that holds it."""
    names = path.split(".")
    module = importlib.import_module(".".join(names[:3]))
    holder: Any = module
    for name in names[3:-1]:
        holder = getattr(holder, name)
    found = getattr(holder, names[-1])
    raw = inspect.getattr_static(holder, names[-1]) if isinstance(holder, type) else found
    return found, raw


def parameters(text: str) -> list[inspect.Parameter]:
    """Read a parameter list as it is written in the file."""
    function = ast.parse(f"def f({text}): pass").body[0]
    namespace: dict[str, Any] = {}
    exec(compile(ast.Module([function], []), "promise", "exec"), namespace)
    return list(inspect.signature(namespace["f"]).parameters.values())


def assert_callable_as(found: Any, text: str, *, bound: bool) -> None:
    promised = parameters(text)
    actual = list(inspect.signature(found).parameters.values())[0 if bound else 1 :]
    variadic = [p for p in actual if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    plain = [p for p in actual if p.kind is p.POSITIONAL_OR_KEYWORD]
    wanted = [p for p in promised if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [(p.name, p.default) for p in plain] == [(p.name, p.default) for p in wanted]
    assert {p.kind for p in variadic} == {p.kind for p in promised} - {
        inspect.Parameter.POSITIONAL_OR_KEYWORD
    }
    for extra in actual:
        if extra not in plain and extra not in variadic:
            assert extra.kind is extra.KEYWORD_ONLY
            assert extra.default is not extra.empty, f"{extra.name} would break old calls"


@pytest.mark.parametrize("line", [line for line in LINES if split(line)[0] in ("", "abstract")])
def test_it_is_there_and_is_called_as_promised(line: str) -> None:
    kind, rest = split(line)
    target, _, bases = rest.partition(" : ")
    path, opened, arguments = target.partition("(")
    found, raw = find(path)

    if bases:
        assert isinstance(found, type)
        kind_names = [base.__name__ for base in type.mro(type(found))]
        names = [*kind_names, *(base.__name__ for base in found.__mro__)]
        for base in bases.split(", "):
            assert base in names or (base == "ABC" and "ABCMeta" in names)
    if opened:
        static = isinstance(raw, staticmethod)
        bound = isinstance(found, type) or not inspect.isfunction(raw) or static
        is_method = path.count(".") > 3 and inspect.isfunction(raw)
        assert_callable_as(found, arguments.removesuffix(")"), bound=bound or not is_method)
    assert bool(getattr(found, "__isabstractmethod__", False)) == (kind == "abstract")


@pytest.mark.parametrize("line", [line for line in LINES if split(line)[0] in ("async", "static")])
def test_a_coroutine_or_static_method_is_one(line: str) -> None:
    kind, rest = split(line)
    path, _, arguments = rest.partition("(")
    found, raw = find(path)
    assert inspect.iscoroutinefunction(found) == (kind == "async")
    assert isinstance(raw, staticmethod) == (kind == "static")
    assert_callable_as(found, arguments.removesuffix(")"), bound=kind == "static")


@pytest.mark.parametrize("line", [line for line in LINES if split(line)[0] == "property"])
def test_a_property_is_read_without_a_call(line: str) -> None:
    _, raw = find(split(line)[1])
    assert isinstance(raw, (property, functools.cached_property))


@pytest.mark.parametrize("line", [line for line in LINES if split(line)[0] in ("value", "member")])
def test_a_class_attribute_has_its_value(line: str) -> None:
    kind, rest = split(line)
    path, _, value = rest.partition(" = ")
    found, _ = find(path)
    assert (found.value if kind == "member" else found) == ast.literal_eval(value)


@pytest.mark.parametrize("line", [line for line in LINES if split(line)[0] == "export"])
def test_the_package_offers_the_very_object_of_its_module(line: str) -> None:
    name, _, sources = split(line)[1].partition(" : ")
    offered = getattr(lback.core, name)
    modules = [importlib.import_module(source) for source in sources.split()]
    assert any(getattr(module, name, None) is offered for module in modules)
    assert name in lback.core.__all__


def test_there_is_one_dispatcher() -> None:
    found, _ = find("lback.core.dispatcher_instance.dispatcher")
    assert found is lback.core.dispatcher
    assert isinstance(found, lback.core.SignalDispatcher)
