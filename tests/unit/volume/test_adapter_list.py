import json
from pathlib import Path

from nemotron_operator.volume.adapter_list import AdapterList, write_adapter_list
from nemotron_operator.volume.main import main


def written(volume: Path, uid: str = "u") -> object:
    return json.loads((volume / ".adapters" / f"{uid}.json").read_text())["adapters"]


def a_list(generation: int, uid: str = "u", **adapters: str) -> AdapterList:
    return AdapterList("nemotron", uid, generation, adapters)


def test_the_list_is_written_as_the_sidecar_reads_it(volume: Path, tmp_path: Path) -> None:
    where = [f"--destination={volume}", "--resource=nemotron", "--uid=u", "--generation=3"]
    message = f"--termination-message-path={tmp_path / 'log'}"
    assert 0 == main(["tell-adapters", *where, "--adapter=sql=/models/1", "--adapter=a.b=/models/x/y", message])
    assert {"sql": "/models/1", "a.b": "/models/x/y"} == written(volume)
    assert "Complete" == json.loads((tmp_path / "log").read_text())["outcome"]


def test_a_newer_list_of_the_same_resource_stays(volume: Path) -> None:
    write_adapter_list(volume, a_list(4, sql="/models/1"))
    write_adapter_list(volume, a_list(3))
    assert {"sql": "/models/1"} == written(volume)
    write_adapter_list(volume, a_list(4))
    assert {} == written(volume)


def test_resources_of_one_name_have_lists_of_their_own(volume: Path) -> None:
    """In two namespaces that share what is behind the volume, or one that was made anew."""
    write_adapter_list(volume, a_list(9, sql="/models/1"))
    write_adapter_list(volume, a_list(1, uid="other", chat="/models/2"))
    assert ({"sql": "/models/1"}, {"chat": "/models/2"}) == (written(volume), written(volume, "other"))


def test_what_is_on_its_way_keeps_what_it_has(volume: Path, tmp_path: Path) -> None:
    write_adapter_list(volume, a_list(1, sql="/models/1", old="/models/2"))
    where = [f"--destination={volume}", "--resource=nemotron", "--uid=u", "--generation=2"]
    message = f"--termination-message-path={tmp_path / 'log'}"
    keeping = ["--adapter=chat=/models/3", "--keep=sql", "--keep=new"]
    for _ in range(2):  # a Job may try again
        assert 0 == main(["tell-adapters", *where, *keeping, message])
        assert {"sql": "/models/1", "chat": "/models/3"} == written(volume)
    write_adapter_list(volume, a_list(2, sql="/models/4"))
    assert {"sql": "/models/4"} == written(volume)


def test_what_is_no_list_is_replaced(volume: Path) -> None:
    (volume / ".adapters").mkdir()
    for broken in ("[1]", '{"generation": "x", "adapters": [1]}'):
        (volume / ".adapters" / "u.json").write_text(broken)
        write_adapter_list(volume, AdapterList("nemotron", "u", 1, {"sql": "/models/1"}, kept=("chat",)))
        assert {"sql": "/models/1"} == written(volume)
