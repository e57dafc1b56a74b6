from generate.cache_reasons import render_reasons
from nemotron_operator.downloader.errors import Reason as DownloadReason
from nemotron_operator.volume.errors import Reason as VolumeReason


def test_every_reason_has_a_row_with_its_meaning_and_whether_it_passes_by_itself() -> None:
    rows = {
        cells[1].strip(" `"): cells[2:4] for line in render_reasons().splitlines()[2:] if (cells := line.split("|"))
    }
    assert {*map(str, DownloadReason), *map(str, VolumeReason)} == set(rows)
    assert all(meaning.strip().endswith(".") for meaning, _ in rows.values())
    assert ("no", "yes") == (rows["GatedRepository"][1].strip(), rows["HubUnavailable"][1].strip())
