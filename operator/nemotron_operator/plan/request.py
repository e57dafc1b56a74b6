"""Resolve: spec, facts, configuration and catalogue meet in one frozen value that the checks read."""

from dataclasses import dataclass

from nemotron_operator.api.source import HuggingFaceSource
from nemotron_operator.api.spec import NemotronDeploymentSpec
from nemotron_operator.api.v1alpha1 import Identity, ParsedDeployment
from nemotron_operator.architecture.model import Architecture
from nemotron_operator.catalog.catalog import Catalog
from nemotron_operator.catalog.engine_options import EngineOptions
from nemotron_operator.catalog.entry import CatalogEntry
from nemotron_operator.config import AcceleratorProfile, OperatorConfig
from nemotron_operator.plan.engine_version import find_engine_version
from nemotron_operator.plan.facts import Facts
from nemotron_operator.plan.memory_arguments import MemoryArguments, read_memory_arguments
from nemotron_operator.plan.source import find_entry


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What is asked for, with every default filled in that needs no arithmetic."""

    identity: Identity
    spec: NemotronDeploymentSpec
    facts: Facts
    config: OperatorConfig
    catalog: Catalog
    entry: CatalogEntry | None
    """None when the catalogue has no such model."""
    accelerator: str
    profile: AcceleratorProfile | None
    """None when the configuration has no such accelerator."""

    @property
    def model_name(self) -> str:
        """The name under which the user asked for the model, for messages."""
        source = self.spec.model.source
        if self.spec.model.name is not None:
            return self.spec.model.name
        if source is not None and source.hugging_face is not None:
            return source.hugging_face.repository
        return ""

    @property
    def hub_source(self) -> HuggingFaceSource | None:
        """The hub repository that the user named; None when the catalogue's is meant, or a claim."""
        return self.spec.model.source.hugging_face if self.spec.model.source else None

    @property
    def known_entry(self) -> CatalogEntry:
        """The entry, for the checks that run after `model_is_known`."""
        if self.entry is None:
            raise AssertionError("model_is_known runs first")
        return self.entry

    @property
    def architecture(self) -> Architecture:
        """The model's shape as the engine is told to keep it, for the checks that run after `geometry_is_known`."""
        architecture = self.known_entry.architecture
        if architecture is None:
            raise AssertionError("geometry_is_known runs first")
        return self.memory_arguments.store_states(architecture)

    @property
    def known_profile(self) -> AcceleratorProfile:
        """The profile, for the checks that run after `accelerator_is_known`."""
        if self.profile is None:
            raise AssertionError("accelerator_is_known runs first")
        return self.profile

    @property
    def image(self) -> str:
        """The engine image that would serve: the user's, the accelerator's, or the one for all."""
        profile_image = self.profile.engine_image if self.profile else None
        return self.spec.engine.image or profile_image or self.config.engine_image

    @property
    def engine_version(self) -> str | None:
        """The vLLM version in that image; None when its name does not say."""
        return find_engine_version(self.image, self.config)

    @property
    def engine_options(self) -> EngineOptions | None:
        """What the engine in that image takes; None when its version is not known, and nothing can be said."""
        version = self.engine_version
        return self.catalog.engine_options.get(version) if version else None

    @property
    def extra_args(self) -> tuple[str, ...]:
        """The arguments that the accelerator's profile and the resource add."""
        return (*self.known_profile.engine_args, *self.spec.engine.extra_args)

    @property
    def memory_arguments(self) -> MemoryArguments:
        """What those arguments say of the engine's memory."""
        return read_memory_arguments(self.extra_args)


def resolve_request(
    deployment: ParsedDeployment, facts: Facts, config: OperatorConfig, catalog: Catalog
) -> PlanRequest:
    """Look up what the spec names."""
    accelerator = deployment.spec.accelerator or config.default_accelerator
    return PlanRequest(
        identity=deployment.identity,
        spec=deployment.spec,
        facts=facts,
        config=config,
        catalog=catalog,
        entry=find_entry(deployment.spec.model, catalog),
        accelerator=accelerator,
        profile=config.accelerators.get(accelerator),
    )
