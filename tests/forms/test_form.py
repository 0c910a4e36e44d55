"""A form checks what was sent, and shows it again with what is wrong."""

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from lback import Application, Request, ValidationError
from lback.core.http.multidict import MultiDict
from lback.forms import (
    BooleanField,
    CharField,
    CheckboxMultiple,
    ChoiceField,
    DateField,
    EmailField,
    FileField,
    Form,
    HiddenInput,
    IntegerField,
    Invalid,
    JSONField,
    MultipleChoiceField,
    PasswordInput,
    RadioSelect,
    TextField,
)
from lback.testing import Client

HOSTILE = "\"'><script>alert(1)</script>&amp;`</textarea></option>"
SIZES = [("s", "Small"), ("l", "Large")]


class Contact(Form):
    name = CharField(max_length=20, help_text="As on your passport.")
    email = EmailField(required=False)
    message = TextField(label="Your message")
    age = IntegerField(required=False, min_value=0)
    size = ChoiceField(SIZES, widget=RadioSelect, initial="s")
    extras = MultipleChoiceField([("a", "Apple"), ("b", "Bread")], required=False)
    terms = BooleanField(required=True)
    token = CharField(widget=HiddenInput)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name.lower() == "nobody":
            raise Invalid("Nobody cannot write to us.")
        return name.title()

    def clean(self) -> None:
        data = self.cleaned_data
        if data.get("age") == 0 and data.get("email"):
            raise ValidationError({"email": ["Babies have no address."], "age": ["Too young."]})
        if data.get("message") == "spam":
            raise Invalid("We have enough of that.")


GOOD = {"name": "ada", "message": "Hello", "size": "l", "terms": "on", "token": "t", "extras": "b"}


class Reader(HTMLParser):
    """Collects the elements of a page, and refuses ones that are not closed in order."""

    VOID = frozenset({"input", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in {tag}: {names}"
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.found if name == tag]

    def one(self, tag: str, **wanted: str) -> dict[str, str | None]:
        fitting = [a for a in self.all(tag) if all(a.get(k) == v for k, v in wanted.items())]
        assert len(fitting) == 1, fitting
        return fitting[0]


def test_valid_values() -> None:
    form = Contact(GOOD)
    assert form.is_valid(), form.errors
    assert form.cleaned_data == {
        "name": "Ada", "email": "", "message": "Hello", "age": None, "size": "l",
        "extras": ["b"], "terms": True, "token": "t",
    }  # fmt: skip


def test_a_form_that_was_not_sent_is_neither_valid_nor_wrong() -> None:
    form = Contact()
    assert not form.is_valid()
    assert not form.errors
    assert "not sent" in repr(form)


def test_each_field_says_what_is_wrong() -> None:
    form = Contact({**GOOD, "name": "nobody", "email": "x", "age": "-1", "size": "xxl"})
    assert not form.is_valid()
    assert form.errors.as_dict() == {
        "name": ["Nobody cannot write to us."],
        "email": ["Please write an email address such as ada@example.org."],
        "age": ["Please write 0 or more."],
        "size": ["Please choose one of those offered."],
    }
    assert "name" not in form.cleaned_data


def test_the_form_as_a_whole_says_what_is_wrong() -> None:
    form = Contact({**GOOD, "message": "spam"})
    assert form.non_field_errors() == ["We have enough of that."]
    form = Contact({**GOOD, "age": "0", "email": "a@example.org"})
    assert form.errors.as_dict() == {
        "email": ["Babies have no address."],
        "age": ["Too young."],
    }


def test_an_error_for_a_field_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"Contact has no field 'nmae'; did you mean 'name'\?"):
        Contact(GOOD).add_error("nmae", "x")
    with pytest.raises(KeyError, match=r"no field 'emial'; did you mean 'email'"):
        Contact()["emial"]


def test_clean_may_return_other_values() -> None:
    class Both(Form):
        a = CharField()

        def clean(self) -> Mapping[str, Any]:
            return {"a": self.cleaned_data["a"], "length": 1}

    form = Both({"a": "x"})
    assert form.is_valid()
    assert form.cleaned_data == {"a": "x", "length": 1}


def test_a_class_inherits_fields_and_may_drop_them() -> None:
    class Shorter(Contact):
        age = None  # type: ignore[assignment]
        topic = CharField()

    assert list(Shorter().fields) == [
        "name", "email", "message", "size", "extras", "terms", "token", "topic",
    ]  # fmt: skip
    assert "age" in Contact().fields


def test_a_form_may_change_its_own_fields() -> None:
    form = Contact()
    form.fields["name"].required = False
    form.fields["name"].widget.attrs["class"] = "wide"
    assert Contact().fields["name"].required
    del form.fields["age"]
    assert "age" not in form


def test_names_that_a_form_needs_itself_are_refused() -> None:
    with pytest.raises(TypeError, match=r"cannot have a field called 'clean': forms have"):

        class Wrong(Form):
            clean = CharField()  # type: ignore[assignment]


def test_a_disabled_field_keeps_its_value() -> None:
    class Fixed(Form):
        owner = CharField(disabled=True, initial="ada")

    form = Fixed({"owner": "eve"})
    assert form.is_valid()
    assert form.cleaned_data == {"owner": "ada"}
    assert not form.has_changed()
    assert "disabled" in form.as_div
    assert "eve" not in form.as_div


def test_initial_values() -> None:
    form = Contact(initial={"name": "Ada", "age": lambda: 7, "extras": ["a"]})
    page = Reader(form.as_div)
    assert page.one("input", name="name")["value"] == "Ada"
    assert page.one("input", name="age")["value"] == "7"
    assert "checked" in page.one("input", value="s")
    assert "selected" in page.one("option", value="a")


def test_what_was_changed() -> None:
    form = Contact(GOOD, initial={"name": "ada", "size": "l", "extras": ["b"], "terms": True})
    assert form.changed_data == ["message", "token"]


def test_two_forms_on_a_page() -> None:
    data = {"a-name": "Ada", "b-name": "Bob"}

    class Person(Form):
        name = CharField()

    first, second = Person(data, prefix="a"), Person(data, prefix="b")
    assert first.is_valid()
    assert second.is_valid()
    assert (first.cleaned_data["name"], second.cleaned_data["name"]) == ("Ada", "Bob")
    assert Reader(first.as_p).one("input")["id"] == "id_a-name"


# How it looks.


@pytest.mark.parametrize("layout", ["as_p", "as_div", "as_table"])
def test_a_layout_may_be_called_or_not(layout: str) -> None:
    environment = Environment(autoescape=True)
    form = Contact({"name": HOSTILE})
    plain = environment.from_string(f"{{{{ form.{layout} }}}}").render(form=form)
    called = environment.from_string(f"{{{{ form.{layout}() }}}}").render(form=form)
    assert plain == called
    assert "<script" not in plain
    table = f"<table>{plain}</table>"
    Reader(table)
    errors = environment.from_string("{{ form.non_field_errors }}|{{ form.non_field_errors() }}")
    form.add_error(None, "a < b")
    assert errors.render(form=form) == '<ul class="errors"><li>a &lt; b</li></ul>|' + (
        '<ul class="errors"><li>a &lt; b</li></ul>'
    )


@pytest.mark.parametrize("layout", ["as_p", "as_div", "as_table"])
def test_errors_and_help_are_bound_to_their_fields(layout: str) -> None:
    form = Contact({**GOOD, "name": "", "size": "", "token": ""})
    page = Reader(f"<table>{getattr(form, layout)}</table>")
    control = page.one("input", name="name")
    assert control["aria-invalid"] == "true"
    assert control["aria-describedby"] == "id_name_help id_name_error"
    ids = [attrs.get("id") for _, attrs in page.found if attrs.get("id")]
    assert len(ids) == len(set(ids))
    for _, attrs in page.found:
        for name in ("for", "aria-describedby", "aria-labelledby"):
            assert set((attrs.get(name) or "").split()) <= set(ids)
    labelled = {attrs["for"] for attrs in page.all("label")}
    for tag, attrs in page.found:
        if tag in ("input", "select", "textarea") and attrs.get("type") != "hidden":
            assert attrs["id"] in labelled
    group = page.one("span", role="radiogroup")
    assert group["aria-labelledby"] == "id_size_label"
    assert group["aria-describedby"] == "id_size_error"
    assert "Token: Please fill this in." in page.texts


def test_rules_are_told_to_the_browser() -> None:
    page = Reader(Contact().as_div)
    name = page.one("input", name="name")
    assert name["maxlength"] == "20"
    assert "required" in name
    assert "aria-invalid" not in name
    assert "required" not in page.one("input", name="email")
    assert page.one("input", name="age")["min"] == "0"


@given(st.text())
def test_what_was_entered_comes_back_escaped(text: str) -> None:
    class Entry(Form):
        line = CharField(max_length=0)
        lines = TextField(max_length=0)
        value = JSONField()
        number = IntegerField()
        day = DateField()
        letter = ChoiceField(SIZES)

    form = Entry(dict.fromkeys(Entry.declared_fields, text))
    form.is_valid()
    page = Reader(form.as_div)
    kinds = {"div", "label", "input", "textarea", "select", "option", "span", "br"}
    assert {tag for tag, _ in page.found} <= kinds
    if "\n" not in text and "\r" not in text and "\0" not in text:
        shown = page.one("input", name="number").get("value") or ""
        assert shown == text


@pytest.mark.parametrize("widget", [None, RadioSelect])
def test_labels_and_choices_are_escaped(widget: Any) -> None:
    class Odd(Form):
        choice = ChoiceField(
            [(HOSTILE, HOSTILE)], label=HOSTILE, help_text=HOSTILE, widget=widget,
            error_messages={"required": HOSTILE},
        )  # fmt: skip
        several = MultipleChoiceField(
            [(HOSTILE, [(HOSTILE + "2", HOSTILE)])], widget=CheckboxMultiple if widget else None
        )

    form = Odd(MultiDict(choice="", several=[HOSTILE + "2"]))
    page = Reader(form.as_div)
    assert not page.all("script")
    assert HOSTILE in page.texts
    assert Odd({"choice": HOSTILE, "several": [HOSTILE + "2"]}).is_valid()


def test_a_value_of_several_lines_is_not_cut_by_a_line_of_text() -> None:
    class Note(Form):
        title = CharField()

    assert Reader(Note(initial={"title": "a\nb"}).as_p).all("textarea")
    assert "\na\nb</textarea>" in Note(initial={"title": "a\nb"}).as_p


def test_a_password_that_was_entered_is_not_sent_back() -> None:
    class SignIn(Form):
        password = CharField(widget=PasswordInput, min_length=20)

    assert "hunter2" not in SignIn({"password": "hunter2"}).as_p


# In an application.


def build_app() -> Application:
    class Upload(Form):
        title = CharField(max_length=5)
        file = FileField()

    app = Application(DEBUG=True)

    @app.route("/", methods=["GET", "POST"], requires_auth=False)
    def show(request: Request) -> Any:
        form = Upload.of(request, initial={"title": "first"})
        if form.is_valid():
            return {"title": form.cleaned_data["title"], "size": form.cleaned_data["file"].size}
        return str(form.as_div)

    return app


def test_a_form_in_a_view() -> None:
    client = Client(build_app())
    assert 'value="first"' in client.get("/").text
    sent = client.post("/", data={"title": "too long"}, files={"file": ("a.txt", b"abc")})
    page = Reader(sent.text)
    assert page.one("input", name="title")["value"] == "too long"
    assert "Please write at most 5 characters; you wrote 8." in page.texts
    answer = client.post("/", data={"title": "short"}, files={"file": ("a.txt", b"abc")})
    assert answer.json() == {"data": {"title": "short", "size": 3}} or answer.json() == {
        "title": "short", "size": 3,
    }  # fmt: skip
    assert "Please choose a file." in client.post("/", data={"title": "x"}).text
