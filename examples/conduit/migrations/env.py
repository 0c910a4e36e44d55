"""How migrations meet the database: `lback migrate` and plain `alembic` both run this file.

Arguments of Alembic's `context.configure`, such as `include_object`, may be given to the call.
"""

from lback.database.migrations import run_environment

run_environment()
