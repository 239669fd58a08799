"""The error tree of the `ringway` command.

    RingwayError                exit 1   something failed
    ├── UsageError              exit 2   a wrong argument, option or configuration value
    ├── DataError               exit 1   input data, schema or folder that a run cannot start from
    ├── MetadataError           exit 1   ML Metadata unreachable, or without what was asked for
    └── BusyError               exit 75  another run of the same pipeline is at work

A message says what failed, what was expected and what was received; `remedy` says what to do.
How an error is shown is left to `pipelines.cli.main`.
"""


class RingwayError(Exception):
    """An error that is shown to the user without a traceback.

    Attributes:
        exit_code: What the process exits with.
        remedy: What the user can do about it; empty when there is nothing to say.
    """

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class UsageError(RingwayError):
    """A wrong argument, option or configuration value."""

    exit_code = 2


class DataError(RingwayError):
    """Input data, a schema or a folder that a run cannot start from."""


class MetadataError(RingwayError):
    """ML Metadata cannot be reached, or does not hold what was asked for."""


class BusyError(RingwayError):
    """Another run of the same pipeline is at work (EX_TEMPFAIL of sysexits.h)."""

    exit_code = 75
