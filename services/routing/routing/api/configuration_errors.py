"""A faulty configuration as an answer."""

from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import ErrorPlace, Problem
from antiphon.organisation.document import ConfigurationError


def invalid_configuration(error: ConfigurationError) -> Problem:
    """422 with every fault: its line, column and place."""
    errors = [
        ErrorPlace(detail=fault.message, pointer=fault.path, line=fault.line, column=fault.column)
        for fault in error.faults
    ]
    return Problem(
        Kind.INVALID_CONFIGURATION, "The configuration can't be used; the active one stays.", errors=errors
    )
