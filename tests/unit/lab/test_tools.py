import re

import pytest

from lab.tools import (
    ACTIONLINT,
    HELM_3,
    KUBE_SCORE,
    LEADER_WORKER_SETS,
    MODULES,
    NODE_MODULES,
    GoModule,
    parse_minor_version,
)

FOREIGN = [
    module
    for module in (*MODULES, *NODE_MODULES, ACTIONLINT, HELM_3, KUBE_SCORE, LEADER_WORKER_SETS)
    if module.name not in {"coredns", "pause"}
]
"""Modules whose programs are somebody else's."""


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("Kubernetes v1.37.2", "1.37"),
        ("Client Version: v1.37.2\nKustomize Version: v5.8.1", "1.37"),
        ('Client Version: version.Info{Major:"1", Minor:"20", GitVersion:"v1.20.2", GoVersion:"go1.15.5"}', "1.20"),
        ("etcd Version: 3.6.16\nGit SHA: none\nGo Version: go1.26.8", "3.6"),
        ("kwok version v0.8.0 go1.26.8 (linux/amd64)", "0.8"),
        ('version.BuildInfo{Version:"v4.3.1", GoVersion:"go1.26.8"}', "4.3"),
        ('version.BuildInfo{Version:"v3.22.0", GoVersion:"go1.26.8"}', "3.22"),
        ("Version: v0.9.0\nBuild Date: N/A\nGit Commit: abcd01234", "0.9"),
        ("CoreDNS-1.15.0\nlinux/amd64, go1.26.8, ", "1.15"),
        ("containerd github.com/containerd/containerd/v2 2.2.0 ", "2.2"),
        ("go1.26.8", None),
        ("", None),
    ],
)
def test_the_version_is_found_in_what_each_program_prints(printed: str, expected: str | None) -> None:
    actual = parse_minor_version(printed)
    assert expected == actual


@pytest.mark.parametrize("module", FOREIGN, ids=lambda module: module.name)
def test_go_mod_pins_the_version_that_we_say_we_run(module: GoModule) -> None:
    go_mod = (module.source / "go.mod").read_text()
    expected = {f"v{module.version}"}
    # `require` lists modules, packages lie in them.
    required = dict(re.findall(r"^(?:require )?\s*(\S+) (v\S+)", go_mod, re.MULTILINE))
    actual = {
        version
        for name, version in required.items()
        if any(package == name or package.startswith(f"{name}/") for package in module.packages.values())
    }
    assert expected == actual


@pytest.mark.parametrize("module", FOREIGN, ids=lambda module: module.name)
def test_go_mod_names_every_program_as_a_tool(module: GoModule) -> None:
    go_mod = (module.source / "go.mod").read_text()
    expected = set(module.packages.values())
    actual = {package for package in expected if re.search(rf"^(tool )?\s*{re.escape(package)}$", go_mod, re.MULTILINE)}
    assert expected == actual


def test_our_own_build_of_coredns_pins_the_version_that_we_say_we_run() -> None:
    coredns = next(module for module in NODE_MODULES if module.name == "coredns")
    go_mod = (coredns.source / "go.mod").read_text()
    assert f"require github.com/coredns/coredns v{coredns.version}\n" in go_mod


@pytest.mark.parametrize("module", FOREIGN, ids=lambda module: module.name)
def test_the_linker_writes_the_pinned_version_into_the_program(module: GoModule) -> None:
    expected = {module.version, *module.minor_version.split(".")}
    written = {name: value for name, value in module.version_variables.items() if ".k8sVersion" not in name}
    actual = expected | {value.removeprefix("v") for value in written.values()}
    assert expected == actual


def test_helm_3_is_told_the_kubernetes_that_it_was_made_for() -> None:
    go_mod = (HELM_3.source / "go.mod").read_text()
    expected = set(re.findall(r"k8s\.io/client-go v0(\.\d+)\.", go_mod))
    told = {name: value for name, value in HELM_3.version_variables.items() if ".k8sVersion" in name}
    actual = {f".{value}" for name, value in told.items() if name.endswith("Minor")}
    assert expected == actual
    assert {"1"} == {value for name, value in told.items() if name.endswith("Major")}
