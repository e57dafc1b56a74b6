"""The reference page of the operator's configuration: the docstrings of its fields as tables, one for each object."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from nemotron_operator.api.networking import NetworkPeer
from nemotron_operator.catalog.entry import (
    CatalogEntry,
    CatalogSampling,
    Context,
    ServingFlags,
    SmokeQuestion,
    WeightBytes,
)
from nemotron_operator.config import (
    AcceleratorProfile,
    ConfigMapKey,
    NetworkPolicyConfig,
    OperatorConfig,
    Toleration,
    load_config,
)

INTRODUCTION = """\
# The operator's configuration

<!-- Generated from operator/nemotron_operator/config.py by `make generate`. Do not edit. -->

A YAML file that overlays the [shipped one](../../operator/nemotron_operator/default_config.yaml): `--config` of the
operator, `--operator-config` of `nemoctl`, `config` in the chart's values. Every field of the file replaces the shipped
one, and each profile of `accelerators` replaces the shipped one of its name as a whole: to give a shipped profile a
price, repeat its other fields beside it. Shipped profiles of other names stay. None means that the field is absent.
"""

PARTS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("accelerators.NAME", AcceleratorProfile),
    ("accelerators.NAME.tolerations[]", Toleration),
    ("downloadCaConfigMap", ConfigMapKey),
    ("networkPolicy", NetworkPolicyConfig),
    ("networkPolicy.gateways[]` and `networkPolicy.monitoring[]", NetworkPeer),
    ("models[]", CatalogEntry),
    ("models[].context", Context),
    ("models[].sampling", CatalogSampling),
    ("models[].smoke", SmokeQuestion),
    ("models[].flags", ServingFlags),
    ("models[].knownWeightBytes", WeightBytes),
)
"""The objects inside, by where they stand. An entry of `models` has the form of the catalogue's files."""


def render_configuration() -> str:
    """Render every field with what it is where nobody sets it."""
    shipped = load_config().model_dump(by_alias=True)
    sections = [_render_table("The file", OperatorConfig, shipped)]
    sections += [_render_table(f"`{path}`", part, {}) for path, part in PARTS]
    return "\n".join([INTRODUCTION, *sections])


def _render_table(title: str, model: type[BaseModel], shipped: dict[str, Any]) -> str:
    rows = _render_rows(model, shipped)
    return "\n".join([f"## {title}", "", "| field | default | meaning |", "|---|---|---|", *rows, ""])


def _render_rows(model: type[BaseModel], shipped: dict[str, Any]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        alias = field.alias or name
        is_required = field.is_required() and alias not in shipped
        default = shipped.get(alias, field.get_default(call_default_factory=True))
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        yield f"| `{alias}` | {'required' if is_required else _render_default(default)} | {meaning} |"


def _render_default(default: object) -> str:
    if isinstance(default, BaseModel):
        default = default.model_dump(exclude_defaults=True)
    if default in (None, (), {}) or (isinstance(default, dict) and not any(default.values())):
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    words = default if isinstance(default, list | tuple | dict) else [default]
    return ", ".join(f"`{word}`" for word in words)
