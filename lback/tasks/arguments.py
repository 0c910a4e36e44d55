"""The arguments of tasks: checked by msgspec when they are enqueued, and again when they run."""

import inspect
import math
from collections.abc import Callable, Collection, Mapping
from types import SimpleNamespace
from typing import Any, Literal, get_type_hints

import msgspec

from lback.core.exceptions import ConfigurationError, did_you_mean
from lback.core.routing.endpoint import read_parameters
from lback.tasks.exceptions import TaskArgumentsError, TaskResultError

SESSION = "db_session"
MAX_RESULT_SIZE = 65_536
MAX_ARGUMENTS_SIZE = 4_000_000


class Signature:
    """The parameters of a task's function, split into arguments and injected services.

    A parameter without a default that has the name of a service, `app` or `db_session` is injected;
    all others are arguments.

    Args:
        function: The function.
        name: Name of the task, for messages.
        services: Names of the services of the application.

    Attributes:
        injected: Names of the injected parameters.

    Raises:
        ConfigurationError: A parameter is positional-only or variable, or its type cannot be
            checked.
    """

    def __init__(
        self, function: Callable[..., object], name: str, services: Collection[str]
    ) -> None:
        self._name = name
        parameters = read_parameters(function, f"the task {name!r}")
        for parameter in parameters:
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise ConfigurationError(
                    f"the task {name!r} takes {str(parameter)!r}; arguments are passed by name"
                )
        known = {SESSION, "app", *services}
        self.injected = tuple(
            p.name for p in parameters if p.default is p.empty and p.name in known
        )
        arguments = [p for p in parameters if p.name not in self.injected]
        self._required = {p.name for p in arguments if p.default is p.empty}
        self._known = known
        self._names = [p.name for p in arguments]
        self._decoder = self._build(function, arguments)

    def _build(
        self, function: Callable[..., object], arguments: list[inspect.Parameter]
    ) -> msgspec.json.Decoder[Any]:
        annotations = {p.name: p.annotation for p in arguments if p.annotation is not p.empty}
        # The annotations of services may be imported for type checkers only.
        holder = SimpleNamespace(__annotations__=annotations)
        try:
            hints = get_type_hints(
                holder, getattr(inspect.unwrap(function), "__globals__", {}), include_extras=True
            )
            # Only values that were given are read; None stands for the others.
            fields = [
                (p.name, hints.get(p.name, Any))
                if p.default is p.empty
                else (p.name, hints.get(p.name, Any), None)
                for p in arguments
            ]
            struct = msgspec.defstruct("Arguments", fields, kw_only=True)
            return msgspec.json.Decoder(struct)
        except (NameError, TypeError) as error:
            raise ConfigurationError(
                f"the arguments of the task {self._name!r} cannot be checked: {error}; annotate "
                "them with types that JSON can hold and that can be imported at run time"
            ) from error

    def encode(self, arguments: Mapping[str, object]) -> str:
        """Check arguments and return them as JSON.

        Raises:
            TaskArgumentsError: An argument is missing, unknown, of another type or too large.
        """
        self._check_names(arguments)
        try:
            encoded = encode_json(arguments, order="sorted")
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            way_out = "; pass the id of a row instead of its object"
            raise TaskArgumentsError(
                f"the arguments of the task {self._name!r} cannot be stored as JSON: {error}"
                f"{way_out if isinstance(error, TypeError) else ''}"
            ) from error
        if len(encoded) > MAX_ARGUMENTS_SIZE:
            raise TaskArgumentsError(
                f"the arguments of the task {self._name!r} have {len(encoded)} bytes, more than "
                f"{MAX_ARGUMENTS_SIZE}; store them and pass the name of the file or the id"
            )
        text = encoded.decode()
        self.decode(text)
        return text

    def _check_names(self, arguments: Mapping[str, object]) -> None:
        for name in arguments:
            if name in self.injected:
                raise TaskArgumentsError(
                    f"the parameter {name!r} of the task {self._name!r} is injected when it runs; "
                    "do not pass it"
                )
        missing = sorted(self._required - arguments.keys())
        if missing:
            near = did_you_mean(missing[0], self._known)
            raise TaskArgumentsError(
                f"the task {self._name!r} needs the argument {missing[0]!r}"
                + (f", which is not a service{near}" if near else "")
            )

    def decode(self, text: str) -> dict[str, object]:
        """Return the arguments in JSON, converted to the types of the parameters.

        Raises:
            TaskArgumentsError: They do not fit the parameters.
        """
        try:
            values = self._decoder.decode(text)
            given = msgspec.json.decode(text)
        except msgspec.MsgspecError as error:
            raise TaskArgumentsError(
                f"the arguments of the task {self._name!r} do not fit its function: {error}"
            ) from error
        for name in given:
            if name not in self._names:
                raise TaskArgumentsError(
                    f"the task {self._name!r} takes no argument {name!r}"
                    f"{did_you_mean(name, self._names)}"
                )
        return {name: getattr(values, name) for name in given}


def encode_json(value: object, order: Literal["sorted"] | None = None) -> bytes:
    """Return a value as JSON, without a change of it.

    Args:
        value: The value.
        order: "sorted" sorts the keys of objects.

    Raises:
        TypeError, ValueError, OverflowError, RecursionError: JSON cannot hold the value.
    """
    encoded = msgspec.json.encode(value, order=order)
    # RFC 8259 has no numbers for them; msgspec writes null.
    if b"null" in encoded and _has_special_number(msgspec.to_builtins(value)):
        raise ValueError("NaN and infinity are not numbers of JSON")
    return encoded


def _has_special_number(value: object) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(_has_special_number, value.values()))
    return isinstance(value, list | tuple | set | frozenset) and any(
        map(_has_special_number, value)
    )


def encode_result(value: object, name: str) -> str | None:
    """Return the return value of a task as JSON; None for None.

    Args:
        value: What the function returned.
        name: Name of the task, for the message.

    Raises:
        TaskResultError: JSON cannot hold the value, or it is too large.
    """
    if value is None:
        return None
    try:
        encoded = encode_json(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise TaskResultError(
            f"the result of the task {name!r} cannot be stored as JSON: {error}; "
            "return numbers, texts, lists and dicts, or nothing"
        ) from error
    if len(encoded) > MAX_RESULT_SIZE:
        raise TaskResultError(
            f"the result of the task {name!r} has {len(encoded)} bytes, more than "
            f"{MAX_RESULT_SIZE}; store it and return its id"
        )
    return encoded.decode()
