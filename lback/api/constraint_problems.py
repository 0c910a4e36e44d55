"""Violated constraints of the database as problems: 409 for conflicts, 422 for values."""

from sqlalchemy.exc import DBAPIError

from lback.api.problems import InputError, InvalidInput, Problem
from lback.database.violations import violation_of
from lback.forms.identity import mapper_of

_TAKEN = "A row with these values exists already."
_REFERRED = "Other rows refer to this one, or it refers to a row that was deleted."


def constraint_problem(error: DBAPIError, model: type[object]) -> Exception:
    """Return the problem that a violated constraint is answered with, or the error itself.

    Args:
        error: The exception of SQLAlchemy.
        model: The model that was written.
    """
    violation = violation_of(error)
    if violation is None:
        return error
    if violation == "unique":
        names = _unique_names(error, model)
        errors: list[InputError] = [
            {"pointer": f"/{name}", "detail": _TAKEN, "code": "taken"} for name in names
        ]
        problem = Problem(409, detail=_TAKEN)
        problem.extensions.update({"errors": errors} if errors else {})
        return problem
    if violation == "foreign_key":
        return Problem(409, detail=_REFERRED)
    text = "The database does not accept these values together."
    return InvalidInput([{"pointer": "", "detail": text, "code": violation}])


def conflict_of(error: Exception) -> Problem | None:
    """Return the conflict that an exception of SQLAlchemy is, or None for any other failure.

    Two requests that add the same row at once meet in the constraint. A violated NOT NULL or CHECK
    is a mistake of the view.

    Args:
        error: The exception.
    """
    violation = violation_of(error) if isinstance(error, DBAPIError) else None
    details = {"unique": _TAKEN, "foreign_key": _REFERRED}
    detail = details.get(violation or "")
    return None if detail is None else Problem(409, detail=detail)


def _unique_names(error: DBAPIError, model: type[object]) -> list[str]:
    """Return the attributes of the unique constraint that an error names, as far as it does."""
    mapper = mapper_of(model)
    text = str(error.orig)
    for table in mapper.tables:
        constraints = [*getattr(table, "indexes", ()), *getattr(table, "constraints", ())]
        for constraint in constraints:
            columns = list(getattr(constraint, "columns", ()))
            is_unique = getattr(constraint, "unique", type(constraint).__name__ != "Index")
            plain = ", ".join(f"{table.name}.{column.name}" for column in columns)
            named = constraint.name is not None and f"{constraint.name}" in text
            if columns and is_unique and (named or text.endswith(f"failed: {plain}")):
                return [
                    mapper.get_property_by_column(column).key
                    for column in columns
                    if column in mapper.columns.values()
                ]
    return []
