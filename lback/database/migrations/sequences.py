"""Creates the sequences of models, which Alembic does not."""

from dataclasses import dataclass

from alembic.autogenerate import comparators, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrateOperation, UpgradeOps
from sqlalchemy import MetaData, Sequence, inspect


@dataclass(slots=True)
class CreateSequence(MigrateOperation):
    """Create a sequence, on databases that have them."""

    sequence: Sequence

    @property
    def words(self) -> str:
        """The operation as a part of the name of a migration."""
        return f"add {self.sequence.name}"

    def reverse(self) -> "DropSequence":
        """Return the operation that drops the sequence."""
        return DropSequence(self.sequence)


@dataclass(slots=True)
class DropSequence(MigrateOperation):
    """Drop a sequence, on databases that have them."""

    sequence: Sequence

    def reverse(self) -> CreateSequence:
        """Return the operation that creates the sequence again."""
        return CreateSequence(self.sequence)


def compare_sequences(autogen: AutogenContext, upgrade: UpgradeOps, _: object) -> None:
    """Add operations that create the sequences of models, before all others.

    Args:
        autogen: Context of Alembic.
        upgrade: Operations of the migration; added to.
        _: Schemas; not used.
    """
    connection, metadata = autogen.connection, autogen.metadata
    if connection is None or not isinstance(metadata, MetaData):
        return
    if connection.dialect.name != "postgresql":
        return
    inspector = inspect(connection)
    missing = [
        sequence
        for _, sequence in sorted(metadata._sequences.items())
        if not inspector.has_sequence(sequence.name, schema=sequence.schema)
    ]
    upgrade.ops.extend(map(CreateSequence, missing))


def place_sequences(upgrade: UpgradeOps) -> None:
    """Create sequences before all other operations.

    Args:
        upgrade: Operations of the migration; changed in place.
    """
    creations = [op for op in upgrade.ops if isinstance(op, CreateSequence)]
    rest = [op for op in upgrade.ops if not isinstance(op, CreateSequence)]
    upgrade.ops[:] = [*creations, *rest]


_OPTIONS = ("start", "increment", "minvalue", "maxvalue", "cycle", "cache", "schema")
_ON_POSTGRESQL = "if op.get_context().dialect.name == 'postgresql':"


@renderers.dispatch_for(CreateSequence)
def _write_creation(_: AutogenContext, op: CreateSequence) -> list[str]:
    return [_ON_POSTGRESQL, f"op.execute(sa.schema.CreateSequence({_source(op.sequence)}))", ""]


@renderers.dispatch_for(DropSequence)
def _write_drop(_: AutogenContext, op: DropSequence) -> list[str]:
    return [_ON_POSTGRESQL, f"op.execute(sa.schema.DropSequence({_source(op.sequence)}))", ""]


def _source(sequence: Sequence) -> str:
    given = {name: getattr(sequence, name, None) for name in _OPTIONS}
    options = [f", {name}={value!r}" for name, value in given.items() if value is not None]
    return f"sa.Sequence({str(sequence.name)!r}{''.join(options)})"


comparators.dispatch_for("schema")(compare_sequences)
