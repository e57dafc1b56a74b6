"""Time many resources from their creation to their Deployment, as a watch of the API server sees both."""

import threading
import time
from collections.abc import Sequence
from typing import Any

from kubernetes import client, config, watch

from lab.control_plane import ControlPlane
from nemotron_operator.constants import API_GROUP, API_VERSION, PLURAL


def time_fan_out(plane: ControlPlane, namespace: str, bodies: Sequence[dict[str, Any]], patience: int) -> list[float]:
    """Create the resources one after another as fast as the API server takes them.

    Returns
    -------
    Seconds from sending each creation to seeing its Deployment, shortest first.
    """
    api = config.new_client_from_config(config_file=str(plane.kubeconfig))
    seen: dict[str, float] = {}
    is_watching = threading.Event()
    names = {body["metadata"]["name"] for body in bodies}
    watcher = threading.Thread(target=_watch, args=(api, namespace, names, seen, is_watching, patience))
    watcher.start()
    is_watching.wait()
    created: dict[str, float] = {}
    for body in bodies:
        created[body["metadata"]["name"]] = time.monotonic()
        client.CustomObjectsApi(api).create_namespaced_custom_object(API_GROUP, API_VERSION, namespace, PLURAL, body)
    watcher.join()
    return sorted(seen[name] - created[name] for name in seen)


def _watch(  # noqa: PLR0913, PLR0917 - the arguments of a thread
    api: client.ApiClient,
    namespace: str,
    names: set[str],
    seen: dict[str, float],
    is_watching: threading.Event,
    patience: int,
) -> None:
    apps = client.AppsV1Api(api)
    is_watching.set()
    stream = watch.Watch().stream(apps.list_namespaced_deployment, namespace, timeout_seconds=patience)
    for event in stream:
        name = event["object"].metadata.name
        if event["type"] == "ADDED" and name in names:
            seen.setdefault(name, time.monotonic())
        if len(seen) == len(names):
            return
