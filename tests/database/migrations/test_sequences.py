"""Sequences of models are created and dropped with their migrations."""

from sqlalchemy import Column, Integer, MetaData, Sequence, Table, insert

from lback.database.migrations import Migrations
from lback.database.models import CONSTRAINT_NAMES
from tests.database.migrations.conftest import Project


def test_a_sequence_of_a_model(project: Project) -> None:
    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
    has_sequences = project.kind == "postgresql"
    numbered = [Sequence("bill_numbers", start=1000)] if has_sequences else []
    bills = Table(
        "bills",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("number", Integer, *numbered),
    )
    migrations = Migrations(project.db_manager, project.root, metadata=metadata)
    path = migrations.make()
    assert path is not None
    migrations.migrate()
    assert migrations.make() is None
    with project.db_manager.session() as session:
        session.execute(insert(bills))
    if has_sequences:
        assert project.execute("SELECT number FROM bills") == [(1000,)]
        assert "sa.Sequence('bill_numbers', start=1000)" in path.read_text()
    migrations.rollback()
    migrations.migrate()
