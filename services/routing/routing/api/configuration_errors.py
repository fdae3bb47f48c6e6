"""A faulty configuration as an answer."""

from antiphon.http.problems import Problem
from antiphon.organisation.document import ConfigurationError


def invalid_configuration(error: ConfigurationError) -> Problem:
    """422 with every fault: its line, column and place."""
    errors = [
        {"detail": fault.message, "pointer": fault.path, "line": fault.line, "column": fault.column}
        for fault in error.faults
    ]
    return Problem(
        422, "Invalid input", "The configuration can't be used; the active one stays.", errors=errors
    )
