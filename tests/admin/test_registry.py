"""What the admin shows is what was registered with it."""

from typing import Any

import pytest
from sqlalchemy.orm import Mapped, mapped_column

from lback.admin import AdminRegistry, ModelAdmin, Registration, register, site
from lback.core.exceptions import ConfigurationError
from lback.database import Base


class Plant(Base):
    __tablename__ = "registry_plants"

    id: Mapped[int] = mapped_column(primary_key=True)


class Garden(Base):
    __tablename__ = "registry_gardens"

    id: Mapped[int] = mapped_column(primary_key=True)


class Abstract(Base):
    __abstract__ = True


def test_models_are_shown_in_the_order_they_were_registered() -> None:
    registry = AdminRegistry()
    registry.register(Plant, {"list": ["id"]})
    registry.register(Garden)
    assert list(registry) == [Registration(Plant, {"list": ["id"]}), Registration(Garden)]
    assert len(registry) == 2
    assert registry.is_registered(Plant)


def test_register_decorates_a_model() -> None:
    registry = AdminRegistry()
    assert registry.register()(Plant) is Plant
    assert registry.register(options="few")(Garden) is Garden
    assert list(registry) == [Registration(Plant), Registration(Garden, "few")]


def test_register_decorates_options() -> None:
    registry = AdminRegistry()

    @registry.register(Plant)
    class PlantAdmin(ModelAdmin):
        page_size = 20

    assert list(registry) == [Registration(Plant, PlantAdmin)]
    assert registry.register(Garden, PlantAdmin) is Garden


def test_a_model_is_registered_once() -> None:
    registry = AdminRegistry()
    registry.register(Plant)
    with pytest.raises(ConfigurationError, match=r"Plant is registered with the admin already; un"):
        registry.register(Plant)
    registry.unregister(Plant)
    registry.register(Plant, "others")
    assert list(registry) == [Registration(Plant, "others")]


def test_what_is_not_registered_cannot_be_unregistered() -> None:
    with pytest.raises(ConfigurationError, match="Plant cannot be unregistered: it was not"):
        AdminRegistry().unregister(Plant)


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (int, "builtins.int"),
        (Base, "lback.database.models.Base"),
        (Abstract, "test_registry.Abstract"),
        (Plant(id=1), "Plant"),
        ("Plant", "'Plant'"),
        (7, "7"),
    ],
    ids=str,
)
def test_anything_but_a_model_is_refused(thing: Any, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be registered .* not a model") as raised:
        AdminRegistry().register(thing)
    assert name in str(raised.value)


def test_an_application_sees_what_its_apps_registered_and_keeps_its_own_to_itself() -> None:
    apps = AdminRegistry()
    mine, other = AdminRegistry(apps), AdminRegistry(apps)
    mine.register(Garden)
    apps.register(Plant)
    assert [entry.model for entry in mine] == [Plant, Garden]
    assert [entry.model for entry in other] == [Plant]
    with pytest.raises(ConfigurationError, match="already"):
        mine.register(Plant)
    with pytest.raises(ConfigurationError, match="not registered with this registry"):
        mine.unregister(Plant)


def test_an_admin_module_registers_for_every_application_of_the_process() -> None:
    register(Plant)
    try:
        assert AdminRegistry(site).is_registered(Plant)
        assert not AdminRegistry().is_registered(Plant)
    finally:
        site.unregister(Plant)


def test_the_old_name_of_the_registered_models_warns() -> None:
    registry = AdminRegistry()
    registry.register(Plant)
    with pytest.warns(DeprecationWarning, match="use registered_models"):
        sections = registry.sections
    assert sections is registry.registered_models
    assert list(sections) == ["plant"]
