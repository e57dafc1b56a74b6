import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.binaries import find_or_build_actionlint
from release.directories import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TOOLS = Path(sys.executable).parent


def read(workflow: Path) -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load(workflow.read_text())
    return body


def test_actionlint_and_shellcheck_find_nothing() -> None:
    environment = {**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}
    command = [str(find_or_build_actionlint(print)), "-no-color", *map(str, WORKFLOWS)]
    answer = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (0, "") == (answer.returncode, answer.stdout + answer.stderr)


def test_zizmor_finds_nothing_even_where_it_is_pedantic() -> None:
    command = [str(TOOLS / "zizmor"), "--offline", "--persona=pedantic", "--no-progress", "--quiet", ".github"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == answer.returncode, answer.stdout + answer.stderr


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_named_by_commit_with_its_version_beside_it(workflow: Path) -> None:
    used = re.findall(r"uses: *(.*)", workflow.read_text())
    assert used
    wrong = [action for action in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action)]
    assert [] == wrong


def test_an_action_has_one_version_in_all_workflows() -> None:
    used = {action for file in WORKFLOWS for action in re.findall(r"uses: *(.*)", file.read_text())}
    names = [action.partition("@")[0] for action in used]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_has_the_rights_that_it_names_and_no_others(workflow: Path) -> None:
    body = read(workflow)
    assert {} == body["permissions"]
    assert all("permissions" in job and "timeout-minutes" in job for job in body["jobs"].values())


def test_only_jobs_that_sign_may_speak_in_the_name_of_the_workflow() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
    expected = {name for name, job in jobs.items() if "cosign sign" in str(job["steps"])}
    actual = {name for name, job in jobs.items() if job["permissions"].get("id-token") == "write"}
    assert {"image", "charts"} == expected
    assert expected == actual


def test_nothing_is_tagged_or_published_before_it_is_tested_built_and_signed() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
    assert {"check", "image", "charts"} == set(jobs["publish"]["needs"])
    assert "check" == jobs["image"]["needs"]
    (build,) = (step for step in jobs["image"]["steps"] if step.get("id") == "build")
    assert "push-by-digest=true" in build["with"]["outputs"]
    assert "tags" not in build["with"]


def test_ci_runs_what_anybody_runs() -> None:
    steps = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["test"]["steps"]
    assert [".ci/run"] == [step["run"] for step in steps if "run" in step]
