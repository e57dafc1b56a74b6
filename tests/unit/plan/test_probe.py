import pytest

from nemotron_operator.api.references import SecretKeyReference
from nemotron_operator.api.spec import EnvironmentVariable
from nemotron_operator.plan.probe import HANG_SECONDS, LIVENESS_PATIENCE_SECONDS, plan_probe

VARIABLE = "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS"


@pytest.mark.parametrize(
    ("value", "hang_seconds"),
    [("10", HANG_SECONDS), ("300", HANG_SECONDS), ("420", 120), ("421", 121), ("1800", 1500), ("never", HANG_SECONDS)],
)
def test_an_engine_that_waits_longer_for_a_step_is_given_longer(value: str, hang_seconds: int) -> None:
    probe = plan_probe("a", 8000, [EnvironmentVariable(name=VARIABLE, value=value)])
    assert hang_seconds == probe.hang_seconds


def test_a_timeout_that_is_a_secret_is_vllms_own() -> None:
    reference = SecretKeyReference(name="a", key="b")
    probe = plan_probe("a", 8000, [EnvironmentVariable(name=VARIABLE, secret_key_ref=reference)])
    assert HANG_SECONDS == probe.hang_seconds


def test_the_budgets_have_an_order() -> None:
    """First no new requests, then hung, and then the kubelet, after it has heard so for long."""
    probe = plan_probe("a", 8000, [])
    assert probe.canary_seconds <= probe.stall_seconds < probe.hang_seconds < LIVENESS_PATIENCE_SECONDS
