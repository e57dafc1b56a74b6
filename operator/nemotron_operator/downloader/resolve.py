"""Resolve step: which commit is meant, once for all runs that name the same revision on one volume."""

import logging
from collections.abc import Callable

from nemotron_operator.downloader.errors import RevisionNotFoundError
from nemotron_operator.downloader.origin import Description, Origin
from nemotron_operator.volume.place import Place, is_commit
from nemotron_operator.volume.publish import discard_staging
from nemotron_operator.volume.refs import Ref, read_ref, resolving, write_ref

logger = logging.getLogger(__name__)


def known_commit(origin: Origin, ref: Ref) -> str | None:
    """Tell the commit without asking the origin; None if the revision was never resolved on this volume."""
    return origin.revision if is_commit(origin.revision) else read_ref(ref)


def resolve(origin: Origin, ref: Ref, describe: Callable[[str], Description]) -> Description:
    """Describe the commit that the revision means on this volume, and record it if it is the first time.

    Parameters
    ----------
    describe
        The origin's `describe`, with whatever patience.

    Notes
    -----
    A recorded commit that the origin has no longer (a branch whose history was rewritten) can never be completed, and
    nothing can have been served from it unless it was published, in which case nobody asks. So it is
    resolved anew, and what came of it gives its space back.
    """
    if is_commit(origin.revision):
        return describe(origin.revision)
    with resolving(ref):
        commit = read_ref(ref)
        if commit is not None:
            try:
                return describe(commit)
            except RevisionNotFoundError:
                logger.warning(
                    "%s has no commit %s any more, which %r meant on this volume: resolving it again.",
                    *(origin.label, commit, origin.revision),
                )
                discard_staging(Place(ref.destination, commit))
        description = describe(origin.revision)
        write_ref(ref, description.commit)
        named = f"{origin.label} at {origin.revision!r}" if origin.revision else origin.label
        logger.info("%s is commit %s.", named, description.commit)
        return description
