"""Why a fault could not be made here."""


class CannotBeMadeError(Exception):
    """This machine does not let the stand make the fault; the message says what it lacks. The fault is skipped."""
