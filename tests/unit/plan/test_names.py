from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.api.v1alpha1 import MAX_NAME_LENGTH
from nemotron_operator.plan.names import name_certificate, name_download_job, name_shared_claim, name_verify_job
from tests.support.kubernetes_rules import is_dns_label

deployment_names = st.from_regex(rf"[a-z]([-a-z0-9]{{0,{MAX_NAME_LENGTH - 2}}}[a-z0-9])?", fullmatch=True)
repository_parts = st.text(alphabet="abcXYZ019_.-", min_size=1, max_size=96)
repositories = st.builds("{}/{}".format, repository_parts, repository_parts)
revisions = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,127}", fullmatch=True)


@given(deployment_names, repositories, revisions)
def test_every_name_is_a_label(deployment: str, repository: str, revision: str) -> None:
    claim = name_shared_claim(repository, revision)
    assert is_dns_label(claim)
    assert is_dns_label(name_download_job(deployment, claim, repository, revision))
    assert is_dns_label(name_verify_job(deployment, revision, repository, repository, repository))
    assert is_dns_label(name_certificate(deployment, revision))


@given(repositories, revisions, repositories, revisions)
def test_a_volume_is_named_after_what_it_holds(one: str, at_one: str, two: str, at_two: str) -> None:
    is_same = (one, at_one) == (two, at_two)
    assert is_same == (name_shared_claim(one, at_one) == name_shared_claim(two, at_two))


def test_another_volume_repository_or_revision_is_another_job() -> None:
    jobs = {
        name_download_job("a", claim, repository, revision)
        for claim in ("c", "d")
        for repository in ("r/s", "r/t")
        for revision in ("main", "v1")
    }
    assert 8 == len(jobs)


def test_a_volume_says_what_it_holds() -> None:
    name = name_shared_claim("nvidia/Llama-3.1-Nemotron-70B-Instruct-HF", "main")
    assert name.startswith("model-nvidia-llama-3-1-nemotron-70b-instruct-hf-")


def test_a_long_job_name_keeps_its_hash() -> None:
    name = "a" * MAX_NAME_LENGTH
    assert 63 == len(name_download_job(name, "c", "r/s", "main")) == len(name_verify_job(name, "abc", "", "Hi", ""))


def test_a_word_that_moves_to_another_part_of_the_question_is_another_question() -> None:
    assert name_verify_job("a", "r", "", "x", "") != name_verify_job("a", "r", "", "", "x")
    assert name_verify_job("a", "r", "", "x\ny", "z") != name_verify_job("a", "r", "", "x", "y\nz")


def test_nobody_has_chosen_the_name_of_a_certificate_before() -> None:
    """cert-manager writes over a Secret of that name, whoever has it: the uid is known only once the resource is."""
    one, another = (name_certificate("nemotron", uid) for uid in ("0c5a1e52-7c1e", "0c5a1e52-7c1f"))
    assert one != another
    assert one == name_certificate("nemotron", "0c5a1e52-7c1e")
    assert one.startswith("nemotron-tls-")
