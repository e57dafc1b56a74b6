"""The values of permissions."""

from typing import Annotated

from pydantic import Field

from generate.charts.values import Labels, ValuesModel

_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"


class RbacValues(ValuesModel):
    """Permissions."""

    create: bool = True
    """Whether the chart makes the operator's Roles or its ClusterRole, and their bindings. If not, somebody does."""

    aggregate_cluster_roles: bool = True
    """Whether the ClusterRoles view, edit and admin of the cluster get NemotronDeployments added. Without effect where
    watchNamespaces is set: then the chart makes no ClusterRole."""


class ServiceAccountValues(ValuesModel):
    """The operator's ServiceAccount."""

    create: bool = True
    """Whether the chart makes it."""

    name: Annotated[str, Field(max_length=253, pattern=rf"^({_DNS_LABEL}(\.{_DNS_LABEL})*)?$")] = ""
    """Its name; default: the release's."""

    annotations: Labels = {}
    """Its annotations."""
