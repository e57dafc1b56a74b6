"""How the API server is reached: kubeconfig or the pod's own service account."""

import os
from dataclasses import dataclass
from pathlib import Path

import yaml
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from nemotron_operator.errors import ConfigError

SERVICE_HOST_VARIABLE = "KUBERNETES_SERVICE_HOST"
"""Set in every pod: its presence means that the pod's service account is meant."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What another client of the same API server needs to log in."""

    server: str
    ca_path: str | None
    certificate_path: str | None
    private_key_path: str | None
    token: str | None
    insecure: bool


async def connect(kubeconfig: Path | None = None, context: str | None = None) -> ApiClient:
    """Make a client from a kubeconfig, or from the pod's service account.

    Raises
    ------
    ConfigError
        There is no usable configuration; the message names the file and the way out.
    """
    configuration = Configuration()
    chosen = kubeconfig or find_kubeconfig()
    try:
        if chosen is None:
            load_incluster_config(client_configuration=configuration)
        else:
            await load_kube_config(
                config_file=str(chosen), context=context, client_configuration=configuration, persist_config=False
            )
        return ApiClient(configuration=configuration)
    except (ConfigException, yaml.YAMLError, OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ConfigError(_explain(chosen, error)) from error


async def read_credentials(client: ApiClient) -> Credentials:
    """Read what the client would send now; a projected token is read anew when it is a minute old."""
    configuration = client.configuration
    bearer = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
    return Credentials(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        token=bearer.split(" ", 1)[-1] if bearer else None,
        insecure=not configuration.verify_ssl,
    )


def find_kubeconfig() -> Path | None:
    """Choose as kubectl does, but prefer the pod's service account to a default file."""
    if named := os.environ.get("KUBECONFIG"):
        return Path(named)  # the client merges several, as kubectl does
    if os.environ.get(SERVICE_HOST_VARIABLE):
        return None
    return Path.home() / ".kube" / "config"


def _explain(chosen: Path | None, error: Exception) -> str:
    words = "it holds no configuration" if isinstance(error, TypeError | AttributeError) else str(error).rstrip(".")
    if chosen is None:
        return f"The pod's service account cannot be used: {words}. Set automountServiceAccountToken, or KUBECONFIG."
    if not any(Path(part).exists() for part in str(chosen).split(os.pathsep)):
        return f"There is no kubeconfig at {chosen}. Set KUBECONFIG or --kubeconfig to the file of your cluster."
    return f"The kubeconfig {chosen} cannot be used: {words}. `kubectl --kubeconfig {chosen} config view` shows it."
