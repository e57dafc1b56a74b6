"""Every way in which work on a volume can fail. None of them is cured by trying again.

The reasons are read by the operator and shown in the status: changing one is a change of interface.
"""

from enum import StrEnum

from nemotron_operator.termination.errors import UNEXPECTED, ExplainedError


class Reason(StrEnum):
    """Why work on a volume failed."""

    NO_SPACE = "NoSpace"
    """The volume is smaller than the files."""

    VOLUME_NOT_WRITABLE = "VolumeNotWritable"
    """The volume refuses a write for another cause than its size."""

    ABSENT = "Absent"
    """The commit is not published on the volume."""

    DAMAGED = "Damaged"
    """A file differs from the manifest."""

    NO_MODEL = "NoModel"
    """The directory is none, or has no config.json."""

    INCOMPLETE_WEIGHTS = "IncompleteWeights"
    """A file that a server would load is missing, cut short or of another size than the manifest says."""

    NOT_AN_ARCHIVE = "NotAnArchive"
    """What came is no archive of a published directory."""

    UNEXPECTED = UNEXPECTED
    """A cause that nobody foresaw: the log has its traceback."""


class VolumeError(ExplainedError):
    """Work on a volume that failed for a known reason."""


class NoSpaceError(VolumeError):
    """The files do not fit on the volume."""

    reason = Reason.NO_SPACE


class VolumeNotWritableError(VolumeError):
    """The volume does not let this process write."""

    reason = Reason.VOLUME_NOT_WRITABLE


class AbsentError(VolumeError):
    """There is no published directory of the commit."""

    reason = Reason.ABSENT


class DamagedError(VolumeError):
    """The bytes on the volume are not those of the manifest."""

    reason = Reason.DAMAGED


class NoModelError(VolumeError):
    """There is nothing that could be a model."""

    reason = Reason.NO_MODEL


class IncompleteWeightsError(VolumeError):
    """There is a model that no server could load."""

    reason = Reason.INCOMPLETE_WEIGHTS


class NotAnArchiveError(VolumeError):
    """The archive cannot be read, or holds something else than one published directory."""

    reason = Reason.NOT_AN_ARCHIVE
