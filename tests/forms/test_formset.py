"""The same form several times: rows are added, changed and removed together."""

from typing import Any

import pytest
from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from lback import ConfigurationError, ValidationError
from lback.database import Base, DatabaseManager
from lback.forms import CharField, Form, Formset, InlineFormset, IntegerField, ModelForm


class Menu(Base):
    __tablename__ = "forms_menus"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    dishes: Mapped[list["Dish"]] = relationship(back_populates="menu", cascade="all, delete-orphan")


class Dish(Base):
    __tablename__ = "forms_dishes"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20), unique=True)
    menu_id: Mapped[int] = mapped_column(ForeignKey("forms_menus.id"))
    menu: Mapped[Menu] = relationship(back_populates="dishes")


class DishForm(ModelForm):
    class Meta:
        model = Dish
        fields = ("name",)


class Line(Form):
    item = CharField(max_length=5)
    count = IntegerField(initial=1)


class NoTwice(Formset):
    def clean(self) -> list[str]:
        items = [row["item"] for row in self.cleaned_data]
        return [] if len(items) == len(set(items)) else ["Each item once, please."]


def rows(*items: dict[str, str], prefix: str = "form") -> dict[str, str]:
    data = {f"{prefix}-count": str(len(items))}
    for number, item in enumerate(items):
        data |= {f"{prefix}-{number}-{name}": value for name, value in item.items()}
    return data


def test_rows_to_be_filled_in() -> None:
    formset = Formset(Line, initial=[{"item": "a"}], extra=2)
    assert len(formset) == 3
    assert not formset.is_valid()
    page = str(formset.as_div)
    assert 'name="form-count"' in page
    assert 'name="form-0-item"' in page
    assert "required" in str(formset.forms[0]["item"])
    assert "required" not in str(formset.forms[1]["item"])
    assert 'name="form-__prefix__-item"' in str(formset.empty_form.as_div)


def test_empty_rows_do_not_count() -> None:
    formset = Formset(Line, rows({"item": "a", "count": "2"}, {"item": "", "count": "1"}))
    assert formset.is_valid(), formset.errors
    assert formset.cleaned_data == [{"item": "a", "count": 2}]


def test_each_row_says_what_is_wrong() -> None:
    formset = Formset(Line, rows({"item": "a", "count": "x"}, {"item": "", "count": "3"}))
    assert not formset.is_valid()
    assert formset.errors == [
        {"count": ["Please write a whole number."]},
        {"item": ["Please fill this in."]},
    ]
    assert 'value="x"' in str(formset.as_div)


def test_a_row_that_is_removed_need_not_be_right() -> None:
    sent = rows({"item": "much too long", "DELETE": "on"}, {"item": "a", "count": "1"})
    formset = Formset(Line, sent, initial=[{"item": "x"}])
    assert formset.is_valid()
    assert formset.cleaned_data == [{"item": "a", "count": 1}]
    assert not Formset(Line, sent, initial=[{"item": "x"}], can_delete=False).is_valid()


def test_rows_are_checked_together() -> None:
    twice = rows({"item": "a", "count": "1"}, {"item": "a", "count": "2"})
    formset = NoTwice(Line, twice)
    assert not formset.is_valid()
    assert formset.non_form_errors == ["Each item once, please."]
    assert formset.non_form_errors() == formset.non_form_errors
    assert NoTwice(Line, rows({"item": "a", "count": "1"})).is_valid()


@pytest.mark.parametrize("count", [None, "", "x", "-1", "1e3", "99999", "٣"])
def test_a_number_of_rows_that_is_none(count: str | None) -> None:
    formset = Formset(Line, {} if count is None else {"form-count": count})
    assert not formset.is_valid()
    assert "number of rows is missing" in formset.non_form_errors[0]


def test_rows_have_a_least_and_a_greatest_number() -> None:
    assert "at least 2 rows" in Formset(Line, rows(), minimum=2).non_form_errors[0]
    assert len(Formset(Line, minimum=3)) == 3
    many = Formset(Line, rows(*({"item": "a", "count": "1"} for _ in range(4))), maximum=3)
    assert "at most 3 rows" in many.non_form_errors[0]
    assert len(many) == 3
    assert not many.is_valid()


# Rows of another table.


@pytest.fixture
def session(database: DatabaseManager) -> Any:
    with database.create_session() as opened:
        yield opened


@pytest.fixture
def menu(session: Session) -> Menu:
    row = Menu(name="Lunch", dishes=[Dish(name="Soup"), Dish(name="Rice")])
    session.add_all([row, Menu(name="Dinner", dishes=[Dish(name="Stew")])])
    session.commit()
    return row


def inline(menu: Menu, session: Session, data: Any = None) -> InlineFormset:
    return InlineFormset(DishForm, data, parent=menu, relationship="dishes", session=session)


def names(session: Session, menu: Menu) -> list[str]:
    query = select(Dish.name).where(Dish.menu_id == menu.id).order_by(Dish.id)
    return list(session.scalars(query))


def test_rows_of_a_parent_are_changed_added_and_removed(session: Session, menu: Menu) -> None:
    page = str(inline(menu, session).as_div)
    assert 'value="Soup"' in page
    assert "Stew" not in page
    soup, rice = menu.dishes
    data = rows(
        {"KEY": str(soup.id), "name": "Salad"},
        {"KEY": str(rice.id), "name": "Rice", "DELETE": "on"},
        {"name": "Bread"},
        {"name": ""},
        prefix="dishes",
    )
    formset = inline(menu, session, data)
    assert formset.is_valid(), formset.errors
    assert formset.deleted() == [rice]
    assert [dish.name for dish in formset.save()] == ["Salad", "Bread"]
    session.commit()
    assert names(session, menu) == ["Salad", "Bread"]
    assert [dish.name for dish in menu.dishes] == ["Salad", "Bread"]


def test_rows_of_another_user_cannot_be_reached(session: Session, menu: Menu) -> None:
    stew = session.scalars(select(Dish).where(Dish.name == "Stew")).one()
    for change in ({"name": "Mine"}, {"name": "Mine", "DELETE": "on"}):
        data = rows({"KEY": str(stew.id), **change}, prefix="dishes")
        formset = inline(menu, session, data)
        if formset.is_valid():
            formset.save()
        else:
            assert "removed in the meantime" in formset.errors[0]["__all__"][0]
        session.commit()
        session.expire_all()
        assert stew.name == "Stew"
        assert stew.menu.name == "Dinner"


def test_a_row_that_is_gone(session: Session, menu: Menu) -> None:
    for key in ("0", "x", "1,2", "' OR 1=1"):
        formset = inline(menu, session, rows({"KEY": key, "name": "Mine"}, prefix="dishes"))
        assert not formset.is_valid(), key
        assert names(session, menu) == ["Soup", "Rice"]
        with pytest.raises(ValidationError):
            formset.save()


def test_a_value_that_is_taken_twice_in_one_go(session: Session, menu: Menu) -> None:
    data = rows({"name": "Pie"}, {"name": "Pie"}, prefix="dishes")
    formset = inline(menu, session, data)
    assert formset.is_valid()
    with pytest.raises(ValidationError) as raised:
        formset.save()
    assert raised.value.errors == {
        "name": ["This value is already in use. Please choose another one."]
    }


def test_a_parent_that_is_new(session: Session) -> None:
    parent = Menu(name="New")
    formset = inline(parent, session, rows({"name": "Cake"}, prefix="dishes"))
    assert formset.is_valid()
    session.add(parent)
    session.flush()
    formset.save()
    session.commit()
    assert names(session, parent) == ["Cake"]


def test_a_relationship_that_is_none() -> None:
    with pytest.raises(
        ConfigurationError, match=r"Menu has no one-to-many .* 'dish'; it has dishes"
    ):
        InlineFormset(DishForm, parent=Menu(), relationship="dish")
    with pytest.raises(
        ConfigurationError, match=r"Dish has no one-to-many relationship 'menu'; it"
    ):
        InlineFormset(DishForm, parent=Dish(), relationship="menu")
