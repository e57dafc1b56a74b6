"""The licences of the catalogue's models: where each can be read, and what it asks of who serves a model.

Short words about long texts, no legal advice: the text of the licence counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Licence:
    """One licence."""

    title: str
    """What it is called."""
    url: str = ""
    """Where its text is; empty where that is not known."""
    notice: str = ""
    """The line that it wants to be kept in a Notice file with copies of the model; empty for none."""
    terms: str = ""
    """What it asks of who serves the model, in sentences; empty where that is not known."""


def _make_llama_licence(version: str) -> Licence:
    pages = f"https://www.llama.com/llama{version.replace('.', '_')}"
    return Licence(
        title=f"Llama {version} Community License",
        url=f"{pages}/license/",
        notice=f"Llama {version} is licensed under the Llama {version} Community License, "
        "Copyright © Meta Platforms, Inc. All Rights Reserved.",
        terms='Show "Built with Llama" where others get to the model, give a copy of the agreement to who gets the '
        f"model, and keep to the acceptable use policy ({pages}/use-policy/). An organisation whose products had more "
        "than 700 million users a month when it was released needs a licence of its own from Meta.",
    )


UNKNOWN = "unknown"
"""The identifier of a model of which nobody said the licence."""

_NVIDIA_AGREEMENTS = "https://www.nvidia.com/en-us/agreements/enterprise-software"

LICENCES: Mapping[str, Licence] = {
    "llama3.1": _make_llama_licence("3.1"),
    "llama3.3": _make_llama_licence("3.3"),
    "nvidia-open-model-license": Licence(
        title="NVIDIA Open Model License",
        url=f"{_NVIDIA_AGREEMENTS}/nvidia-open-model-license/",
        notice="Licensed by NVIDIA Corporation under the NVIDIA Open Model License",
        terms="Commercial use is allowed, within NVIDIA's terms for trustworthy AI "
        "(https://www.nvidia.com/en-us/agreements/trustworthy-ai/terms/). Give a copy of the agreement to who gets the "
        "model.",
    ),
    "nvidia-nemotron-open-model-license": Licence(
        title="NVIDIA Nemotron Open Model License",
        url=f"{_NVIDIA_AGREEMENTS}/nvidia-nemotron-open-model-license/",
        notice="Licensed by NVIDIA Corporation under the NVIDIA Nemotron Model License.",
        terms="Commercial use is allowed. Give a copy of the agreement to who gets the model.",
    ),
    "nvidia-internal-scientific-research-and-development-model-license": Licence(
        title="NVIDIA Internal Scientific Research and Development Model License",
        url=f"{_NVIDIA_AGREEMENTS}/nvidia-internal-scientific-research-and-development-model-license/",
        terms="For research and development inside of your organisation only: not for production.",
    ),
    "openmdw-1.1": Licence(
        title="OpenMDW License Agreement 1.1",
        url="https://openmdw.ai/license/1-1/",
        terms="Commercial use is allowed. Give a copy of the agreement, and all notices of origin, to who gets the "
        "model.",
    ),
}
"""The licences by the identifiers of the catalogue."""


def find_licence(identifier: str) -> Licence:
    """Find a licence; one that nobody described has its identifier for a title."""
    return LICENCES.get(identifier, Licence(title=identifier))
