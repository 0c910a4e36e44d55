"""Compiles messages of templates to direct calls; Jinja2's own way takes ten times as long.

`Context.call` looks at each call whether the function wants the context. A page with a hundred
messages would spend most of its time there.
"""

from keyword import iskeyword
from typing import Any

from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame
from markupsafe import escape

from lback.translation import Translations, current_translations, gettext

# Functions of the tag `trans`, which take the evaluation context, begin with it.
TAG_PREFIX = "_trans_"
_DIRECT = ("_", "gettext")
# Of an application with nothing to translate.
_SOURCE = Translations("en")


class MessageCode(CodeGenerator):
    """Writes `_("text")` and the tag `trans` as direct calls.

    A template or a context may define `_` itself: the code compares it with the function of the
    environment first.
    """

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802  of Jinja2
        """Write a call.

        Args:
            node: The call.
            frame: Where it is.
            forward_caller: Whether the call passes on the caller of a macro.
        """
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        is_tag = name.startswith(TAG_PREFIX)
        if forward_caller or not (is_tag or (name in _DIRECT and _is_simple(node))):
            super().visit_Call(node, frame, forward_caller=forward_caller)
            return
        function = frame.symbols.ref(name)
        if is_tag:
            self.write(f"{function}(context.eval_ctx")
            self.signature(node, frame)
            self.write(")")
            return
        self.write(f"({function}(")
        for argument in (*node.args, *node.kwargs):
            self.visit(argument, frame)
            self.write(", ")
        self.write(f") if {function} is environment.direct_gettext else ")
        super().visit_Call(node, frame)
        self.write(")")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        name = _constant_message(node) if _escapes_always(frame, finalize) else ""
        if name:
            text = node.args[0].value  # type: ignore[attr-defined]  # a call with a constant
            if name in _DIRECT:
                function = frame.symbols.ref(name)
                self.write(f"(environment.direct_text({text!r}) ")
                self.write(f"if {function} is environment.direct_gettext else ")
            else:
                self.write(f"(environment.direct_tag({text!r}) or ")
        super()._output_child_pre(node, frame, finalize)

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        super()._output_child_post(node, frame, finalize)
        if _escapes_always(frame, finalize) and _constant_message(node):
            self.write(")")


def _escapes_always(frame: Frame, finalize: Any) -> bool:
    return bool(frame.eval_ctx.autoescape and not frame.eval_ctx.volatile and not finalize.src)


def _constant_message(node: nodes.Expr) -> str:
    """Return the function of a call with one text and no values, or an empty text."""
    if not (isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name)):
        return ""
    name = node.node.name
    is_known = name in _DIRECT or name == f"{TAG_PREFIX}gettext"
    if not is_known or len(node.args) != 1 or node.kwargs or not _is_simple(node):
        return ""
    argument = node.args[0]
    is_text = isinstance(argument, nodes.Const) and isinstance(argument.value, str)
    return name if is_text else ""


def _text(message: str) -> str:
    texts = (current_translations() or _SOURCE).escaped
    found = texts.get(message)
    if found is None:
        found = texts[message] = str(escape(gettext(message)))
    return found


def _tag(message: str) -> str:
    texts = (current_translations() or _SOURCE).tags
    found = texts.get(message)
    if found is None:
        found = texts[message] = gettext(message) % ()
    return found


def _is_simple(node: nodes.Call) -> bool:
    """Return True for text and values without calls, which would be written twice."""
    return (
        bool(node.args)
        and all(isinstance(argument, nodes.Const) for argument in node.args)
        and node.dyn_args is None
        and node.dyn_kwargs is None
        and not any(
            iskeyword(kwarg.key) or kwarg.find(nodes.Call) is not None for kwarg in node.kwargs
        )
    )


def compile_directly(environment: Environment, function: Any) -> None:
    """Let an environment call a function of messages directly.

    Args:
        environment: Of Jinja2, without a sandbox.
        function: What `_` and `gettext` are, unless a template defines them.
    """
    environment.code_generator_class = MessageCode
    # Read by the code above.
    environment.direct_gettext = function  # type: ignore[attr-defined]
    environment.direct_text = _text  # type: ignore[attr-defined]
    environment.direct_tag = _tag  # type: ignore[attr-defined]
