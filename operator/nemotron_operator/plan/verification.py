"""The verification's part of the plan: what the model is asked once it serves."""

from dataclasses import dataclass

from nemotron_operator.api.spec import NemotronDeploymentSpec
from nemotron_operator.catalog.entry import CatalogEntry
from nemotron_operator.plan.facts import ServingFact
from nemotron_operator.plan.names import locate_service
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.scaling_plan import ScalingPlan
from nemotron_operator.plan.serving_plan import EnginePlan, VerificationPlan

GREETING = "Say hello in one short sentence."
"""The question for a model of which the catalogue knows none, such as a base model, which goes on from it instead;
any answer will do."""

MAX_ANSWER_TOKENS = 2048
"""The longest answer, in tokens: a model that reasons first does so about a small question too, in hundreds of them."""

ANSWER_SECONDS = 120
"""How long one answer may take, in seconds: the longest at 17 tokens a second, half of what a 70B in BF16 makes."""

RETRY_SECONDS = 60
"""How long one pod of the Job tries again, in seconds; the Job itself tries again after that, with a back-off."""

DEADLINE_SECONDS = 1200
"""How long the Job may take, in seconds: the pull of its image, four pods of 180 s each, and the pauses between."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is said to the model, and what it should say."""

    system_prompt: str
    prompt: str
    expect: str


def choose_question(spec: NemotronDeploymentSpec, entry: CatalogEntry | None) -> Question:
    """Choose the question: the user's word, else the catalogue's, else a greeting that any answer is good for.

    An expected text belongs to its prompt: the catalogue's is not looked for in the answer to another prompt.
    """
    wanted = spec.verification
    known = Question("", GREETING, "")
    if entry is not None and entry.smoke is not None:
        known = Question(entry.smoke.system_prompt, entry.smoke.question, entry.smoke.expect)
    is_known = wanted.prompt in {None, known.prompt}
    expect = known.expect if is_known else ""
    return Question(
        system_prompt=known.system_prompt,
        prompt=known.prompt if wanted.prompt is None else wanted.prompt,
        expect=expect if wanted.expect is None else wanted.expect,
    )


def plan_verification(
    request: PlanRequest, engine: EnginePlan, replicas: int, scaling: ScalingPlan | None = None
) -> VerificationPlan | None:
    """Decide what is asked, and whether what serves now may be asked; None when nobody wants a question."""
    if request.spec.verification.mode == "Never":
        return None
    question = choose_question(request.spec, request.entry)
    serving = request.facts.serving
    may_be_asked = serving is not None and _is_enough(serving, replicas, scaling)
    return VerificationPlan(
        image=request.config.downloader_image,
        base_url=locate_service(
            request.identity.name,
            request.identity.namespace,
            engine.port,
            is_encrypted=request.spec.tls is not None,
        ),
        model=engine.served_names[0],
        system_prompt=question.system_prompt,
        prompt=question.prompt,
        expect=question.expect,
        # Prompt and answer share the context.
        max_tokens=min(MAX_ANSWER_TOKENS, engine.sampling.max_tokens, engine.max_model_len // 2),
        api_key=engine.api_key,
        answer_seconds=ANSWER_SECONDS,
        retry_seconds=RETRY_SECONDS,
        deadline_seconds=DEADLINE_SECONDS,
        serving=serving if may_be_asked else None,
        answered_job=request.facts.answered_job,
    )


def _is_enough(serving: ServingFact, replicas: int, scaling: ScalingPlan | None) -> bool:
    """Tell whether what serves may be asked; more replicas that a scaler just started are not waited for."""
    if scaling is not None:
        return serving.replicas >= scaling.least_replicas
    return serving.is_whole and serving.replicas == replicas > 0
