from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.api.conditions import Condition
from nemotron_operator.api.status import (
    BytesRange,
    EndpointStatus,
    EngineStatus,
    NemotronDeploymentStatus,
    PlanStatus,
)
from nemotron_operator.api.v1alpha1 import InvalidDeployment, parse_deployment
from nemotron_operator.cluster.publish import dump_status
from nemotron_operator.status.compute import compute_status, tell_plan
from nemotron_operator.status.judgement import Decision
from nemotron_operator.status.observation import Observation, ObservedClaim
from nemotron_operator.status.observed_jobs import EngineReport, JobState, ObservedJob, ObservedVerification
from nemotron_operator.status.observed_pods import ContainerTrouble, JobFailure, ObservedPod
from nemotron_operator.status.observed_servers import ObservedServer
from tests.support.fixtures.deployments import BF16, FP8, GENERATION, NANO, a_deployment
from tests.support.fixtures.observations import (
    ANSWER,
    ENGINE,
    NEW,
    OLD,
    a_job,
    a_pod,
    a_verification,
    answered,
    asking,
    downloading,
    serving,
)
from tests.support.fixtures.plans import CATALOG, config_with_default_profile, plan, plan_cached, refuse
from tests.support.kstatus import Verdict, judge
from tests.unit.status.situations import SITUATIONS, Situation

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
NOTHING = NemotronDeploymentStatus()


def tell(situation: Situation) -> NemotronDeploymentStatus:
    return compute_status(
        situation.decision, situation.observation, situation.desired_revision, situation.previous, NOW
    )


def body_with(status: NemotronDeploymentStatus) -> dict[str, Any]:
    return {"metadata": {"generation": GENERATION}, "status": dump_status(status)}


def conditions_of(status: NemotronDeploymentStatus) -> dict[str, Condition]:
    return {condition.type: condition for condition in status.conditions}


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_a_situation_is_told_by_these_conditions(situation: Situation) -> None:
    told = {kind: (found.status, found.reason) for kind, found in conditions_of(tell(situation)).items()}
    assert situation.all_conditions == told


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_a_situation_is_judged_right_by_gitops_tools(situation: Situation) -> None:
    assert situation.verdict == judge(body_with(tell(situation)))


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_a_message_says_what_why_and_the_next_step(situation: Situation) -> None:
    conditions = conditions_of(tell(situation))
    for kind, words in situation.words.items():
        for word in words:
            assert word in conditions[kind].message


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_every_message_is_made_of_sentences(situation: Situation) -> None:
    for condition in tell(situation).conditions:
        first = condition.message[0]
        assert first.isupper() or first.isdigit() or condition.message.startswith(("spec.", "planPolicy"))
        assert condition.message.endswith((".", ")"))
        assert "  " not in condition.message
        assert ".." not in condition.message


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_every_condition_speaks_of_the_observed_generation(situation: Situation) -> None:
    status = tell(situation)
    assert GENERATION == status.observed_generation
    assert {GENERATION} == {condition.observed_generation for condition in status.conditions}


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_the_same_situation_changes_nothing_later(situation: Situation) -> None:
    status = tell(situation)
    again = compute_status(situation.decision, situation.observation, situation.desired_revision, status, LATER)
    assert status == again


def test_a_resource_that_nobody_observed_is_in_progress() -> None:
    assert Verdict.IN_PROGRESS == judge(body_with(NemotronDeploymentStatus()))


def test_a_new_generation_is_in_progress_although_the_old_one_is_ready() -> None:
    planned = plan_cached(a_deployment())
    status = compute_status(planned, answered(planned, serving(a_pod(ready=True))), NEW, NOTHING, NOW)
    assert Verdict.CURRENT == judge(body_with(status))
    assert Verdict.IN_PROGRESS == judge({"metadata": {"generation": GENERATION + 1}, "status": dump_status(status)})


def test_the_numbers_of_the_plan_are_told() -> None:
    planned = plan_cached(a_deployment().with_replicas(3))
    told = compute_status(planned, serving(), NEW, NOTHING, NOW).plan
    assert told is not None
    assert (2, 2, 6, 131_072) == (
        told.tensor_parallel_size,
        told.gpus_per_replica,
        told.gpus,
        told.max_model_len,
    )
    assert 327_680 == told.kv_bytes_per_token
    assert planned.memory.weights_bytes == told.weights_bytes_per_gpu
    assert planned.kv_cache_tokens == told.kv_cache_tokens
    assert (1, 131_072) == (told.pipeline_parallel_size, told.longest_max_model_len)
    likely, least_and_most = told.kv_cache_bytes_per_gpu, told.kv_cache_bytes_per_gpu_range
    assert least_and_most is not None
    assert least_and_most.low < likely < least_and_most.high
    assert planned.memory.kv_cache_bytes_range == (least_and_most.low, least_and_most.high)
    assert (527, 1054) == (told.startup_seconds, told.startup_budget_seconds)


def test_a_plan_that_does_not_fit_has_no_negative_numbers() -> None:
    planned = plan(a_deployment().with_model(BF16).with_tensor(1).that_only_warns())
    told = compute_status(planned, Observation(), None, NOTHING, NOW).plan
    assert told is not None
    assert (0, 0, 0) == (told.kv_cache_bytes_per_gpu, told.kv_cache_tokens, told.max_concurrent_full_length)
    assert BytesRange(low=0, high=0) == told.kv_cache_bytes_per_gpu_range
    assert 0 == told.longest_max_model_len


def test_only_what_a_model_has_is_told_of_it() -> None:
    dense, hybrid = (tell_plan(plan(a_deployment().with_model(model))) for model in (FP8, NANO))
    assert dense.state_bytes_per_sequence is None
    assert (hybrid.state_bytes_per_sequence or 0) > 0


def test_costs_are_told_where_the_configuration_knows_a_price() -> None:
    config = config_with_default_profile(gpu_price_per_hour="2.99")
    told = tell_plan(plan(a_deployment(), config=config))
    assert ("5.98", "USD") == (told.cost_per_hour, told.currency)
    unpriced = tell_plan(plan(a_deployment()))
    assert (None, None) == (unpriced.cost_per_hour, unpriced.currency)


def test_the_next_choices_are_told_as_fields_and_values() -> None:
    told = tell_plan(plan(a_deployment().with_tensor(2).with_max_model_len(4096)))
    assert ("parallelism.tensor: 1", "parallelism.tensor: 4") == (told.next_cheaper, told.next_faster)
    largest = tell_plan(plan(a_deployment().with_tensor(8)))
    assert largest.next_faster is None


@pytest.mark.parametrize("model", CATALOG.entries)
def test_every_plan_of_the_catalogue_fits_into_the_status(model: str) -> None:
    config = config_with_default_profile(gpu_price_per_hour="999999.9999").model_copy(
        update={"allow_trust_remote_code": True}
    )
    flags = CATALOG.entries[model].flags
    deployment = a_deployment().with_model(model).having("model.trustRemoteCode", flags.trust_remote_code)
    told = tell_plan(plan(deployment.with_replicas(0).that_only_warns(), config=config))
    told = told.model_copy(update={"gpus": 1000 * told.gpus_per_replica})
    assert not [value for value in told.model_dump().values() if isinstance(value, float)]
    assert told == PlanStatus.model_validate(told.model_dump(by_alias=True))


def test_the_cache_is_told_before_and_after_the_download() -> None:
    before = compute_status(plan(a_deployment()), downloading(), None, NOTHING, NOW).cache
    after = compute_status(plan_cached(a_deployment()), serving(), NEW, NOTHING, NOW).cache
    assert before is not None
    assert after is not None
    assert before.claim_name == after.claim_name
    assert (None, None, None) == (before.commit, before.bytes, before.verified_at)
    assert (72_685_000_000, 26, "2026-11-24T08:00:00Z") == (after.bytes, after.files, after.verified_at)
    assert after.commit == after.path


def test_clients_are_told_where_to_ask_and_by_which_name() -> None:
    planned = plan_cached(a_deployment().having("service.port", 9000).having("model.servedNames", ["a"]))
    status = compute_status(planned, serving(), NEW, NOTHING, NOW)
    assert EndpointStatus(url="http://nemotron.team.svc:9000/v1", service_name="nemotron") == status.endpoint
    assert ("a",) == status.served_names


def test_a_refused_spec_keeps_the_endpoint_of_what_still_serves() -> None:
    before = compute_status(plan_cached(a_deployment()), serving(a_pod(ready=True)), NEW, NOTHING, NOW)
    rejection = refuse(a_deployment().with_tensor(3))
    after = compute_status(rejection, serving(a_pod(OLD, ready=True)), None, before, LATER)
    assert (before.endpoint, before.cache, before.served_names) == (after.endpoint, after.cache, after.served_names)
    assert after.plan is None


def test_a_refused_spec_without_anything_that_serves_has_no_endpoint() -> None:
    before = compute_status(plan_cached(a_deployment()), serving(), NEW, NOTHING, NOW)
    after = compute_status(refuse(a_deployment().with_tensor(3)), Observation(), None, before, LATER)
    assert (None, None, None) == (after.endpoint, after.cache, after.plan)


def test_kubectl_scale_finds_pods_and_selector() -> None:
    status = compute_status(
        plan_cached(a_deployment()), serving(a_pod(ready=True), a_pod(OLD, name="b")), NEW, NOTHING, NOW
    )
    assert (2, 1) == (status.replicas, status.ready_replicas)
    assert "nemotron.dev/component=server,nemotron.dev/deployment=nemotron" == status.selector


@pytest.mark.parametrize(
    ("pods", "revision"),
    [
        ((), None),
        ((a_pod(),), None),
        ((a_pod(ready=True),), NEW),
        ((a_pod(OLD, ready=True), a_pod(name="b")), OLD),
        ((a_pod(OLD, ready=True), a_pod(name="b", ready=True)), OLD),
        ((a_pod(OLD), a_pod(name="b", ready=True)), NEW),
    ],
)
def test_the_serving_revision_is_the_old_one_until_its_last_pod_is_gone(
    pods: tuple[ObservedPod, ...], revision: str | None
) -> None:
    status = compute_status(plan_cached(a_deployment()), serving(*pods), NEW, NOTHING, NOW)
    assert (NEW, revision) == (status.desired_revision, status.serving_revision)


def test_a_start_is_told_by_its_oldest_pod_and_only_while_one_starts() -> None:
    early, late = a_pod(created_at="2026-11-24T07:00:00Z"), a_pod(name="b", created_at="2026-11-24T07:30:00Z")
    startup = compute_status(plan_cached(a_deployment()), serving(late, early), NEW, NOTHING, NOW).startup
    assert startup is not None
    assert ("2026-11-24T07:00:00Z", 1054) == (startup.started_at, startup.budget_seconds)
    assert compute_status(plan_cached(a_deployment()), serving(a_pod(ready=True)), NEW, NOTHING, NOW).startup is None


def test_last_words_are_cut_at_their_beginning() -> None:
    words = "x" * 5000 + " the end"
    pod = a_pod(in_trouble=ContainerTrouble("CrashLoopBackOff", "", "Error", 1, words, 3))
    message = conditions_of(compute_status(plan_cached(a_deployment()), serving(pod), NEW, NOTHING, NOW))[
        "Ready"
    ].message
    assert "the end (`kubectl" in message
    assert len(message) < 1000


texts = st.sampled_from(["", "Something.", "CrashLoopBackOff", "OOMKilled", "ImagePullBackOff"])
revisions = st.sampled_from([NEW, OLD, ""])
troubles = st.builds(
    ContainerTrouble,
    waiting_reason=texts,
    waiting_message=texts,
    last_reason=texts,
    last_exit_code=st.integers(min_value=0, max_value=255),
    last_message=texts,
    restarts=st.integers(min_value=0, max_value=4),
)
pods = st.builds(
    ObservedPod,
    name=st.sampled_from("abcd"),
    revision=revisions,
    created_at=st.just("2026-11-24T07:00:00Z"),
    ready=st.booleans(),
    unschedulable=texts,
    trouble=st.none() | troubles,
)
counts = st.integers(min_value=0, max_value=4)
servers = st.builds(
    ObservedServer,
    replicas=counts,
    is_observed=st.booleans(),
    deadline_message=texts,
)
jobs = st.builds(
    ObservedJob,
    name=st.just("nemotron-cache-1"),
    state=st.sampled_from(JobState),
    failed_pods=counts,
    result=st.none(),
    failure=st.none() | st.just(JobFailure("HubNotFound", "There is no such repository.")),
)
verifications = st.builds(
    ObservedVerification,
    name=st.sampled_from([a_verification(plan_cached(a_deployment())).name, "nemotron-verify-1"]),
    state=st.sampled_from(JobState),
    failed_pods=counts,
    answer=st.none() | st.just(ANSWER),
    failure=st.none() | st.just(JobFailure("UnexpectedAnswer", "It is not what was expected.")),
    engine=st.none() | st.sampled_from([ENGINE, EngineReport(0, None, "2026-11-24T07:58:00Z")]),
)
observations = st.builds(
    Observation,
    verification_pods=st.lists(pods, max_size=2).map(tuple),
    verifications=st.lists(verifications, max_size=2, unique_by=lambda job: job.name).map(tuple),
    server=st.none() | servers,
    server_pods=st.lists(pods, max_size=4).map(tuple),
    cache_pods=st.lists(pods, max_size=2).map(tuple),
    job=st.none() | jobs,
    claim=st.none() | st.builds(ObservedClaim, name=st.just("model"), bound=st.booleans()),
)
decisions = st.sampled_from(
    [
        plan(a_deployment()),
        plan_cached(a_deployment()),
        plan_cached(a_deployment().with_replicas(2)),
        plan_cached(a_deployment().suspended()),
        plan_cached(a_deployment().that_is_asked_nothing()),
        plan(a_deployment().with_model(BF16).with_tensor(1).that_only_warns()),
        refuse(a_deployment().with_tensor(3)),
    ]
)


@given(decisions, observations, st.sampled_from([NEW, None]))
def test_ready_means_that_all_desired_replicas_of_the_desired_revision_serve_and_have_answered(
    decision: Decision, observation: Observation, desired: str | None
) -> None:
    status = compute_status(decision, observation, desired, NOTHING, NOW)
    conditions = conditions_of(status)
    if conditions["Ready"].status == "True":
        serving_now = [pod for pod in observation.server_pods if pod.ready and pod.revision == desired]
        assert not hasattr(decision, "reason")
        assert len(serving_now) >= getattr(decision, "replicas", 1) > 0
        assert observation.server is not None
        assert observation.server.is_observed
        assert {"Stalled", "Reconciling"}.isdisjoint(conditions)
        verified = conditions["Verified"]
        assert verified.status == "True" or verified.reason == "NotRequested"


@given(decisions, observations, st.sampled_from([NEW, None]))
def test_every_observation_is_told_consistently(
    decision: Decision, observation: Observation, desired: str | None
) -> None:
    status = compute_status(decision, observation, desired, NOTHING, NOW)
    conditions = conditions_of(status)
    assert {"Ready", "Planned", "ModelCached", "Available", "Verified"} <= set(conditions)
    assert not {"Stalled", "Reconciling"} <= set(conditions)
    is_current = judge(body_with(status)) is Verdict.CURRENT
    assert is_current == (conditions["Ready"].status == "True")
    assert status == NemotronDeploymentStatus.model_validate(dump_status(status))
    assert status == compute_status(decision, observation, desired, status, LATER)


@given(decisions, observations, observations)
def test_transition_times_move_only_with_the_status(
    decision: Decision, first: Observation, second: Observation
) -> None:
    before = conditions_of(compute_status(decision, first, NEW, NOTHING, NOW))
    after = conditions_of(
        compute_status(decision, second, NEW, compute_status(decision, first, NEW, NOTHING, NOW), LATER)
    )
    for kind in before.keys() & after.keys():
        is_same = before[kind].status == after[kind].status
        assert is_same == (before[kind].last_transition_time == after[kind].last_transition_time)


def test_pods_that_outlive_their_deployment_are_a_status_too() -> None:
    """Somebody deleted the Deployment between apply and observe; the garbage collector has yet to take its pods."""
    seen = Observation(server_pods=(a_pod(ready=True),))
    status = compute_status(plan_cached(a_deployment()), seen, NEW, NOTHING, NOW)
    assert "False" == conditions_of(status)["Ready"].status


def test_a_spec_with_an_endless_wrong_value_is_a_condition_too() -> None:
    broken = parse_deployment(a_deployment().having("engine.image", "x" * 40_000).body)
    assert isinstance(broken, InvalidDeployment)
    status = compute_status(broken, Observation(), None, NOTHING, NOW)
    assert "InvalidSpec" == conditions_of(status)["Planned"].reason


@pytest.mark.parametrize("reason", ["", "No space", "hub/404"])
def test_whatever_a_termination_message_calls_its_reason_is_a_condition(reason: str) -> None:
    observation = downloading(a_job(JobState.FAILED, failure=JobFailure(reason, "It failed.")))
    status = compute_status(plan(a_deployment()), observation, None, NOTHING, NOW)
    assert "It failed." in conditions_of(status)["ModelCached"].message


def test_an_answer_is_remembered_with_its_numbers() -> None:
    planned = plan_cached(a_deployment())
    told = compute_status(planned, answered(planned, serving(a_pod(ready=True))), NEW, NOTHING, NOW).verification
    assert told is not None
    assert (NEW, 182, "41.7", ANSWER.text, "3", "2026-11-24T07:58:00Z") == (
        told.revision,
        told.time_to_first_token_milliseconds,
        told.tokens_per_second,
        told.answer,
        told.expected,
        told.verified_at,
    )


def test_an_answer_is_remembered_until_another_revision_answers() -> None:
    planned = plan_cached(a_deployment())
    first = compute_status(planned, answered(planned, serving(a_pod(ready=True))), NEW, NOTHING, NOW)
    later = "cccccccccccc"
    rolling = compute_status(planned, serving(a_pod(ready=True), a_pod(later, name="b")), later, first, NOW)
    failing = a_verification(planned, JobState.FAILED, revision=later)
    failed = compute_status(planned, asking(serving(a_pod(later, ready=True)), failing), later, rolling, NOW)
    answering = a_verification(planned, JobState.COMPLETE, revision=later, answer=ANSWER)
    second = compute_status(planned, asking(serving(a_pod(later, ready=True)), answering), later, failed, NOW)
    revisions = [status.verification and status.verification.revision for status in (first, rolling, failed, second)]
    assert [NEW, NEW, NEW, later] == revisions


def test_an_answer_outlives_a_refused_spec_and_a_suspension() -> None:
    planned = plan_cached(a_deployment())
    first = compute_status(planned, answered(planned, serving(a_pod(ready=True))), NEW, NOTHING, NOW)
    for decision in (refuse(a_deployment().with_tensor(3)), plan_cached(a_deployment().suspended())):
        assert first.verification == compute_status(decision, serving(), None, first, NOW).verification


def test_an_answer_that_nobody_asks_for_any_more_is_forgotten() -> None:
    planned = plan_cached(a_deployment())
    first = compute_status(planned, answered(planned, serving(a_pod(ready=True))), NEW, NOTHING, NOW)
    unasked = plan_cached(a_deployment().that_is_asked_nothing())
    assert compute_status(unasked, serving(a_pod(ready=True)), NEW, first, NOW).verification is None


def test_what_the_engine_reports_stands_beside_the_plan() -> None:
    planned = plan_cached(a_deployment())
    told = compute_status(planned, answered(planned, serving(a_pod(ready=True))), NEW, NOTHING, NOW).engine
    assert (
        EngineStatus(revision=NEW, kv_cache_tokens=227_000, max_concurrency="1.73", read_at="2026-11-24T07:58:00Z")
        == told
    )


def test_the_engines_report_does_not_rest_on_the_answer() -> None:
    planned = plan_cached(a_deployment())
    failed = a_verification(planned, JobState.FAILED, failure=JobFailure("UnexpectedAnswer", "Two."), engine=ENGINE)
    status = compute_status(planned, asking(serving(a_pod(ready=True)), failed), NEW, NOTHING, NOW)
    assert status.verification is None
    assert status.engine is not None
    assert 227_000 == status.engine.kv_cache_tokens


def test_the_engines_report_is_remembered_until_another_revision_reports() -> None:
    planned = plan_cached(a_deployment())
    first = compute_status(planned, answered(planned, serving(a_pod(ready=True))), NEW, NOTHING, NOW)
    later = "cccccccccccc"
    gone = compute_status(planned, serving(a_pod(ready=True)), NEW, first, NOW)
    rolling = compute_status(planned, serving(a_pod(ready=True), a_pod(later, name="b")), later, gone, NOW)
    refused = compute_status(refuse(a_deployment().with_tensor(3)), serving(), None, rolling, NOW)
    answering = a_verification(planned, JobState.COMPLETE, revision=later, answer=ANSWER, engine=ENGINE)
    second = compute_status(planned, asking(serving(a_pod(later, ready=True)), answering), later, refused, NOW)
    told = [status.engine and status.engine.revision for status in (first, gone, rolling, refused, second)]
    assert [NEW, NEW, NEW, NEW, later] == told


def test_a_verifier_that_read_nothing_leaves_the_report_out() -> None:
    planned = plan_cached(a_deployment())
    silent = a_verification(planned, JobState.COMPLETE, answer=ANSWER)
    assert compute_status(planned, asking(serving(a_pod(ready=True)), silent), NEW, NOTHING, NOW).engine is None


def test_where_nobody_asks_the_report_of_another_revision_is_forgotten() -> None:
    planned = plan_cached(a_deployment())
    first = compute_status(planned, answered(planned, serving(a_pod(ready=True))), NEW, NOTHING, NOW)
    unasked = plan_cached(a_deployment().that_is_asked_nothing())
    assert first.engine == compute_status(unasked, serving(a_pod(ready=True)), NEW, first, NOW).engine
    assert compute_status(unasked, serving(a_pod(OLD, ready=True)), OLD, first, NOW).engine is None


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (1.0, ""),
        (1.05, ""),
        (0.951, ""),
        (0.94, " tokens of KV cache, 6 % fewer than planned."),
        (1.2, " tokens of KV cache, 20 % more than planned."),
    ],
)
def test_prediction_and_reality_are_told_where_they_differ(share: float, words: str) -> None:
    planned = plan_cached(a_deployment())
    report = replace(ENGINE, kv_cache_tokens=int(planned.kv_cache_tokens * share))
    asked = a_verification(planned, JobState.COMPLETE, answer=ANSWER, engine=report)
    status = compute_status(planned, asking(serving(a_pod(ready=True)), asked), NEW, NOTHING, NOW)
    message = conditions_of(status)["Planned"].message
    assert message.endswith(words or "of full length at a time.")
    assert bool(words) == (f"The engine itself reports {report.kv_cache_tokens} tokens" in message)


def test_the_report_of_an_earlier_revision_is_not_held_against_the_plan() -> None:
    planned = plan_cached(a_deployment())
    asked = a_verification(planned, JobState.COMPLETE, answer=ANSWER, engine=replace(ENGINE, kv_cache_tokens=1))
    first = compute_status(planned, asking(serving(a_pod(ready=True)), asked), NEW, NOTHING, NOW)
    later = compute_status(planned, serving(a_pod(ready=True)), "cccccccccccc", first, NOW)
    said = ["The engine itself reports" in conditions_of(status)["Planned"].message for status in (first, later)]
    assert [True, False] == said
