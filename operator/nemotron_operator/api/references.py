"""References to objects of the resource's own namespace. The operator passes them on, it never reads a Secret."""

from nemotron_operator.api.fields import ApiModel, ObjectName, SecretKey


class SecretKeyReference(ApiModel):
    """One key of a Secret in the resource's own namespace. The operator passes the reference on, it never reads it."""

    name: ObjectName
    """Name of the Secret. Required. Example: `hub-token`."""

    key: SecretKey
    """Key inside the Secret. Required. Example: `token`."""


class SecretReference(ApiModel):
    """A Secret in the resource's own namespace whose keys have fixed names. The operator never reads it."""

    name: ObjectName
    """Name of the Secret. Required. Example: `object-store`."""


class ConfigMapKeyReference(ApiModel):
    """One key of a ConfigMap in the resource's own namespace."""

    name: ObjectName
    """Name of the ConfigMap. Required. Example: `company-ca`."""

    key: SecretKey
    """Key inside the ConfigMap. Required. Example: `ca.crt`."""
