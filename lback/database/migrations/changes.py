"""The changes of a new migration: what Alembic found, made into what was meant."""

from alembic.operations.ops import DowngradeOps, MigrationScript, UpgradeOps
from alembic.runtime.migration import MigrationContext

from lback.database.migrations.gaps import fill_gaps, fill_gaps_of_undoing
from lback.database.migrations.names import describe
from lback.database.migrations.questions import Answers
from lback.database.migrations.renames import write_renames
from lback.database.migrations.types import keep_types


def revise(
    message: str,
    answers: Answers,
    migration: MigrationContext,
    script: MigrationScript,
) -> bool:
    """Revise a migration in place, and tell whether there is anything in it.

    Raises:
        MigrationError: An answer is missing, or one fits no question.
    """
    upgrade, downgrade = script.upgrade_ops, script.downgrade_ops
    if upgrade is None or downgrade is None or upgrade.is_empty():
        answers.check_all_used()
        return False
    _rewrite(upgrade, downgrade, script.imports, migration, answers)
    answers.check_all_used()
    script.message = message or describe(upgrade.ops)
    return True


def _rewrite(
    upgrade: UpgradeOps,
    downgrade: DowngradeOps,
    imports: set[str],
    migration: MigrationContext,
    answers: Answers,
) -> None:
    write_renames(upgrade, migration, answers.is_rename)
    fill_gaps(upgrade, imports, answers.value_for)
    upgrade.reverse_into(downgrade)
    fill_gaps_of_undoing(downgrade, imports)
    keep_types(upgrade, downgrade, migration.opts["target_metadata"])
