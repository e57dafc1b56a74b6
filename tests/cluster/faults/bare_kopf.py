"""The smallest operator that kopf can run, with its settings as shipped: what our supervisor is compared with."""

import kopf


@kopf.on.startup()
async def look_for_no_definitions(settings: kopf.OperatorSettings, **_: object) -> None:
    """Keep kopf from what the operator's ServiceAccount may not read."""
    settings.scanning.disabled = True


@kopf.on.event("nemotron.dev", "v1alpha1", "nemotrondeployments")
async def look(**_: object) -> None:
    """Do nothing: only whether the process lives is of interest."""
