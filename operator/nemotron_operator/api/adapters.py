"""LoRA adapters: small weights that change a model's answers, served under names of their own."""

from typing import Annotated, Literal, Self, get_args

from pydantic import ConfigDict, Field, model_validator

from nemotron_operator.api.fields import ApiModel, require, rule, rules
from nemotron_operator.api.source import DirectoryPath, HuggingFaceSource, Revision, S3Source

Rank = Literal[8, 16, 32, 64, 128, 256, 320, 512]
"""The largest ranks that vLLM can be told (vllm/config/lora.py)."""

LORA_RANKS: tuple[int, ...] = get_args(Rank)
"""The same, the smallest first."""

_ONE_PLACE = "set exactly one of huggingFace, s3 and path"


class AdapterRepository(HuggingFaceSource):
    """A repository on a Hugging Face hub, downloaded once into the cache."""

    # The catalogue knows no adapters, so that no revision of it can stand for an absent one.
    revision: Revision = None
    """Commit (40 hexadecimal digits, reproducible), tag or branch; the Job resolves it once to a commit.
    Default: `main`. Example: `main`."""


class AdapterSpec(ApiModel):
    """One LoRA adapter of the model, from exactly one place."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("[has(self.huggingFace), has(self.s3), has(self.path)].filter(x, x).size() == 1", _ONE_PLACE)
        )
    )

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$")]
    """Name by which clients ask for it, as a model of its own. Required. Example: `sql`."""

    hugging_face: AdapterRepository | None = None
    """A repository on a Hugging Face hub, downloaded once into the cache. Default: none.
    Example: `{repository: my-org/nemotron-sql-lora}`."""

    s3: S3Source | None = None
    """A directory of an S3-compatible object store, downloaded once into the cache. Default: none.
    Example: `{bucket: models, prefix: loras/sql}`."""

    path: DirectoryPath | None = None
    """Directory beside the weights, inside the volume or the image that holds them. Default: none.
    Example: `loras/sql`."""

    @model_validator(mode="after")
    def _has_exactly_one_place(self) -> Self:
        places = (self.hugging_face, self.s3, self.path)
        return require(self, sum(place is not None for place in places) == 1, _ONE_PLACE)


class LoraSpec(ApiModel):
    """How the engine serves the adapters of `model.adapters`."""

    max_rank: Rank = 16
    """Largest rank of an adapter. A larger one takes more memory of every GPU. Default: 16, as vLLM. Example: `64`."""

    max_loaded: Annotated[int, Field(strict=True, ge=1, le=64)] = 4
    """Adapters that one batch may mix, each with memory of its own on every GPU. Default: 4. Example: `8`."""

    loading: Literal["Restart", "Live"] = "Restart"
    """What another list of adapters does. `Restart` rolls out new pods. `Live` loads and unloads in those that run; it
    opens vLLM's paths for that to every client, so it needs `apiKeySecretRef` or `networkPolicy`, and with a `route`
    the former. Default: `Restart`. Example: `Live`."""


class AdapterStatus(ApiModel):
    """One adapter, where it is."""

    name: Annotated[str, Field(max_length=63)]
    """Name by which clients ask for it. Example: `sql`."""

    path: Annotated[str | None, Field(max_length=512)] = None
    """Directory inside of what holds the weights: for a downloaded one, the commit that its revision was resolved to.
    Absent while it is not there. Example: `0123456789abcdef0123456789abcdef01234567`."""

    rank: Annotated[int | None, Field(ge=1)] = None
    """Largest rank of its layers. Absent where nobody has read it. Example: `16`."""
