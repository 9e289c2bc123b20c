"""The two kinds of failure: what a person can act on, and what ends a job early."""

from __future__ import annotations


class UserError(Exception):
    """Something a person can act on.

    The message says what happened, to which file, and what to do; it is shown as it is, without a
    traceback. Anything else that is raised is a bug and is logged with its trace.
    """


class AudioError(UserError):
    """A file's sound could not be read. The message is the reason shown beside the file."""


class Cancelled(Exception):  # noqa: N818 - an outcome, not an error
    """Raised inside a job when its cancel token was set."""
