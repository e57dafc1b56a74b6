import pytest

from nemotron_operator.api.spec import NemotronDeploymentSpec
from nemotron_operator.plan.facts import Facts, ServingFact
from nemotron_operator.plan.serving_plan import VerificationPlan
from nemotron_operator.plan.verification import GREETING, MAX_ANSWER_TOKENS, Question, choose_question
from tests.support.fixtures.deployments import BASE, BF16, FP8, DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CATALOG, CONFIG, plan

CARD = Question("You are a helpful assistant.", "How many r in strawberry?", "3")


def verification_of(deployment: DeploymentBuilder, serving: ServingFact | None = None) -> VerificationPlan:
    verification = plan(deployment, Facts(serving=serving)).verification
    assert verification is not None
    return verification


def choose(deployment: DeploymentBuilder, model: str = FP8) -> Question:
    return choose_question(deployment.parsed.spec, CATALOG.find(model))


@pytest.mark.parametrize("model", [FP8, BF16])
def test_the_first_model_is_asked_the_question_of_its_card(model: str) -> None:
    assert CARD == choose(a_deployment(), model)


@pytest.mark.parametrize(
    ("verification", "question"),
    [
        ({}, CARD),
        ({"expect": "three"}, Question(CARD.system_prompt, CARD.prompt, "three")),
        ({"expect": ""}, Question(CARD.system_prompt, CARD.prompt, "")),
        ({"prompt": "What is 6 times 7?"}, Question(CARD.system_prompt, "What is 6 times 7?", "")),
        ({"prompt": "What is 6 times 7?", "expect": "42"}, Question(CARD.system_prompt, "What is 6 times 7?", "42")),
        ({"prompt": CARD.prompt}, CARD),
    ],
)
def test_what_the_user_says_wins_and_an_expectation_goes_with_its_prompt(
    verification: dict[str, str], question: Question
) -> None:
    assert question == choose(a_deployment().having("verification", verification))


def test_a_model_that_the_catalogue_does_not_know_is_greeted() -> None:
    spec = NemotronDeploymentSpec.model_validate({"model": {"name": "org/own"}})
    assert Question("", GREETING, "") == choose_question(spec, None)


def test_nobody_asks_when_the_mode_is_never() -> None:
    assert plan(a_deployment().that_is_asked_nothing()).verification is None


def test_the_question_goes_through_the_service_by_the_first_served_name() -> None:
    verification = verification_of(
        a_deployment()
        .having("service.port", 9000)
        .having("model.servedNames", ["a", "b"])
        .with_api_key("secret", "key")
    )
    assert ("http://nemotron.team.svc:9000/v1", "a") == (verification.base_url, verification.model)
    assert verification.api_key is not None
    assert ("secret", "key") == (verification.api_key.name, verification.api_key.key)
    assert CONFIG.downloader_image == verification.image


@pytest.mark.parametrize(
    ("path", "value", "tokens"),
    [
        ("planPolicy", "Enforce", MAX_ANSWER_TOKENS),
        ("engine.maxModelLen", 256, 128),
        ("engine.sampling.maxTokens", 64, 64),
    ],
)
def test_an_answer_leaves_room_for_the_prompt(path: str, value: object, tokens: int) -> None:
    assert tokens == verification_of(a_deployment().having(path, value)).max_tokens


@pytest.mark.parametrize(
    ("serving", "is_due"),
    [
        (None, False),
        (ServingFact("new", 2), True),
        (ServingFact("old", 2), False),
        (ServingFact("new", 1), False),
        (ServingFact("new", 3), False),
    ],
)
def test_only_the_desired_revision_with_all_its_replicas_is_asked(
    serving: ServingFact | None,
    is_due: bool,  # noqa: FBT001 - a column
) -> None:
    verification = verification_of(
        a_deployment().with_replicas(2).having("cache.accessModes", ["ReadWriteMany"]), serving
    )
    assert is_due == verification.is_due("nemotron", "new")


def test_what_is_suspended_is_not_asked() -> None:
    assert not verification_of(a_deployment().suspended(), ServingFact("new", 1)).is_due("nemotron", "new")


def test_a_base_model_is_greeted_and_any_answer_is_good() -> None:
    verification = verification_of(a_deployment().with_model(BASE))
    assert ("", GREETING, "") == (verification.system_prompt, verification.prompt, verification.expect)
    asked = verification_of(a_deployment().with_model(BASE).that_is_asked("One, two,", "three"))
    assert ("One, two,", "three") == (asked.prompt, asked.expect)


@pytest.mark.parametrize("model", CATALOG.entries)
def test_a_model_that_reasons_first_has_room_for_it(model: str) -> None:
    """Reasoning about a small question takes hundreds of tokens, and no word of the answer comes before its end."""
    config = CONFIG.model_copy(update={"allow_trust_remote_code": True})
    flags = CATALOG.entries[model].flags
    deployment = a_deployment().with_model(model).having("model.trustRemoteCode", flags.trust_remote_code)
    deployment = deployment.with_max_model_len(8192).that_only_warns()
    verification = plan(deployment, config=config).verification
    assert verification is not None
    assert verification.max_tokens >= 2048
