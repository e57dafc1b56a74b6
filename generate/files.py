"""Which files are generated, and from what."""

from pathlib import PurePosixPath

from generate.reference import render_reference
from nemotron_operator.api.crd import render_crd
from nemotron_operator.constants import API_GROUP, PLURAL
from nemotron_operator.yaml_text import dump_yaml

CRD_FILE = f"{API_GROUP}_{PLURAL}.yaml"
"""File name of the definition, as controller-gen would name it."""

HEADER = "# Generated from operator/nemotron_operator/api by `make generate`. Do not edit.\n"
"""First line of a generated YAML file."""


def render_files() -> dict[PurePosixPath, str]:
    """Render every generated file by its path in the repository."""
    crd = render_crd()
    crd_text = HEADER + dump_yaml(crd)
    return {
        PurePosixPath("crds") / CRD_FILE: crd_text,
        PurePosixPath("charts/nemotron-operator/files/crds") / CRD_FILE: crd_text,
        PurePosixPath("docs/reference/nemotrondeployment.md"): render_reference(crd),
    }
