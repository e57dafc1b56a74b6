from dataclasses import replace

from nemotron_operator.plan.facts import Facts, InspectedModel
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.findings import find_model_cached
from nemotron_operator.status.judgement import Judged
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_jobs import JobState, ObservedInspection
from nemotron_operator.status.observed_pods import JobFailure
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.observations import BOUND_VOLUME, PENDING_VOLUME, a_pod
from tests.support.fixtures.plans import CONFIG, INSPECTED, facts_when_cached, plan

IMAGE = "registry.example.com/models/nemotron:1"
PROVIDED = a_deployment().with_provided_weights("mine", "models/a")
WITH_IMAGES = CONFIG.model_copy(update={"allowed_model_image_prefixes": ("registry.example.com/models/",)})

NOBODY_LOOKED = plan(PROVIDED, Facts(claims=facts_when_cached(PROVIDED).claims))


def a_look(
    state: JobState = JobState.ACTIVE, *, failed_pods: int = 0, failure: JobFailure | None = None
) -> ObservedInspection:
    return ObservedInspection("nemotron-inspect-123456", state, failed_pods, None, failure)


def judge(planned: ServingPlan, observation: Observation) -> Judged:
    return find_model_cached(planned, observation)


def seen(inspected: InspectedModel) -> ServingPlan:
    return plan(PROVIDED, replace(facts_when_cached(PROVIDED), inspected=inspected))


def test_what_was_found_is_told_with_what_was_not_checked() -> None:
    finding = judge(seen(INSPECTED), Observation()).finding
    assert ("True", "Provided") == (finding.status, finding.reason)
    where = "'models/a' on volume 'mine'"
    expected = f"26 files with config.json, 72.7 GB in {where}, are yours; sizes were checked, hashes were not."
    assert expected == finding.message


def test_a_manifest_is_told_by_its_digest() -> None:
    finding = judge(seen(replace(INSPECTED, manifest_sha256="5d" * 32)), Observation()).finding
    assert "the SHA-256 of each is in the manifest 5d5d5d5d5d5d" in finding.message


def test_a_look_that_is_not_over_is_waited_for() -> None:
    finding = judge(NOBODY_LOOKED, Observation(inspection=a_look(), claim=BOUND_VOLUME)).finding
    assert ("False", "Inspecting") == (finding.status, finding.reason)
    assert "A Job looks whether 'models/a' on volume 'mine' holds a model that can be loaded." == finding.message


def test_reading_every_byte_is_announced() -> None:
    deployment = PROVIDED.having("model.source.persistentVolumeClaim.manifest", value=True)
    planned = plan(deployment, Facts(claims=facts_when_cached(deployment).claims))
    assert "reads every byte for the manifest" in judge(planned, Observation(claim=BOUND_VOLUME)).finding.message


def test_an_attempt_that_failed_is_told_while_the_next_one_runs() -> None:
    look = a_look(failed_pods=1, failure=JobFailure("Unexpected", "The disk answered no."))
    finding = judge(NOBODY_LOOKED, Observation(inspection=look, claim=BOUND_VOLUME)).finding
    assert "Attempt 2; the last one ended with Unexpected: The disk answered no." in finding.message


def test_no_model_needs_a_human_and_says_the_next_command() -> None:
    failure = JobFailure("NoModel", "There is no config.json in /models/models/a.")
    judged = judge(NOBODY_LOOKED, Observation(inspection=a_look(JobState.FAILED, failed_pods=1, failure=failure)))
    assert judged.needs_human
    assert "NoModel" == judged.finding.reason
    assert "There is no config.json in /models/models/a." in judged.finding.message
    assert "`kubectl -n team delete job nemotron-inspect-123456`" in judged.finding.message
    assert "persistentVolumeClaim.path" in judged.finding.message


def test_a_look_without_a_report_is_no_success() -> None:
    judged = judge(NOBODY_LOOKED, Observation(inspection=a_look(JobState.COMPLETE)))
    assert (True, "InspectionFailed") == (judged.needs_human, judged.finding.reason)
    assert "downloaderImage" in judged.finding.message


def test_pods_without_a_word_are_counted() -> None:
    judged = judge(NOBODY_LOOKED, Observation(inspection=a_look(JobState.FAILED, failed_pods=4)))
    assert (True, "InspectionFailed") == (judged.needs_human, judged.finding.reason)
    assert "4 pods failed without a word." in judged.finding.message


def test_a_claim_that_is_not_bound_is_told() -> None:
    finding = judge(NOBODY_LOOKED, Observation(inspection=a_look(), claim=PENDING_VOLUME)).finding
    assert "VolumePending" == finding.reason


def test_a_pod_that_no_node_takes_is_told() -> None:
    pods = (a_pod("", unschedulable="0/4 nodes are available."),)
    observation = Observation(inspection=a_look(), inspection_pods=pods, claim=BOUND_VOLUME)
    assert "Unschedulable" == judge(NOBODY_LOOKED, observation).finding.reason


def test_weights_in_an_image_are_told_by_its_name() -> None:
    for path, where in ((None, f"in image '{IMAGE}'"), ("model", f"in 'model' of image '{IMAGE}'")):
        planned = plan(a_deployment().with_weights_in_image(IMAGE, path), config=WITH_IMAGES)
        finding = judge(planned, Observation()).finding
        assert ("True", "Provided") == (finding.status, finding.reason)
        assert where in finding.message
