"""`nemoctl bundle import`: read the bundle and what the command line says, and choose where it goes."""

from dataclasses import dataclass
from pathlib import Path

from nemotron_operator.cli.bundle.cluster import Importing, import_into_cluster
from nemotron_operator.cli.bundle.directory import import_into_directory
from nemotron_operator.cli.bundle.layout import Bundle, BundleError, open_bundle
from nemotron_operator.cli.bundle.resource import Body, PlannedBundle, RefusedError, plan_body, read_body, with_cache
from nemotron_operator.cli.cluster_access import ClusterTarget
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.offline import read_offline
from nemotron_operator.cli.program import EXIT_REFUSED
from nemotron_operator.errors import OperatorError


@dataclass(frozen=True, slots=True)
class ImportQuery:
    """What is imported, and to where."""

    bundle: Path
    directory: Path | None
    """A path of this machine; None is the cluster."""
    storage_class: str | None
    size: str | None
    access_modes: tuple[str, ...]
    operator_config: Path | None
    target: ClusterTarget
    timeout_seconds: int


def import_bundle(query: ImportQuery) -> int:
    """Import a bundle; returns the exit code.

    Raises
    ------
    OperatorError
        The bundle, the configuration or the cluster cannot be used; the message names the way out.
    """
    bundle = open_bundle(query.bundle)
    if query.directory is not None:
        return import_into_directory(bundle, query.directory)
    try:
        planned = _plan(bundle, query)
    except RefusedError as error:
        say(str(error))
        return EXIT_REFUSED
    return import_into_cluster(Importing(bundle, planned, query.target, query.timeout_seconds))


def _plan(bundle: Bundle, query: ImportQuery) -> PlannedBundle:
    """Plan the bundle's resource as the operator will, with the volume that the command line wants."""
    body = with_cache(
        _with_namespace(read_body(bundle.resource), bundle, query.target),
        storageClassName=query.storage_class,
        size=query.size,
        accessModes=list(query.access_modes),
        # A claim that goes with its last user names its users as owners, and none of them exists yet.
        retention="Retain",
    )
    planned = plan_body(body, read_offline(query.operator_config))
    origin, description = planned.download.origin, bundle.description
    if (origin.repository, origin.revision) != (description.repository, description.revision):
        raise BundleError(
            f"{bundle.resource}: names {origin.label}, and the bundle carries {description.repository} at "
            f"{description.revision}. Export that model too, or restore the file."
        )
    return planned


def _with_namespace(body: Body, bundle: Bundle, target: ClusterTarget) -> Body:
    """Choose the namespace as `kubectl apply` will."""
    named = body["metadata"].get("namespace")
    if named and target.namespace and named != target.namespace:
        raise OperatorError(
            f"{bundle.resource}: metadata.namespace: is {named!r}, and -n says {target.namespace!r}. Change one."
        )
    namespace = named or target.choose_one_namespace()
    return {**body, "metadata": {**body["metadata"], "namespace": namespace}}
