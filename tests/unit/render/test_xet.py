import json
import os
import subprocess
import sys

from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.config import OperatorConfig
from nemotron_operator.downloader.fetching import FETCHING_THREADS
from nemotron_operator.render.xet import XET_BOUNDS

READ_SETTINGS = "import hf_xet, json; print(json.dumps(dict(hf_xet.XetConfig().items()), default=str))"


def test_the_client_understands_the_bounds_and_stays_within_what_the_job_asks_for() -> None:
    said = subprocess.run(
        [sys.executable, "-c", READ_SETTINGS], env=os.environ | XET_BOUNDS, check=True, capture_output=True
    ).stdout
    settings = json.loads(said)
    size_bytes, per_file_bytes, limit_bytes = (
        settings[f"reconstruction.download_buffer_{name}"] for name in ("size", "perfile_size", "limit")
    )
    assert 0 == settings["chunk_cache.size_bytes"]
    most_bytes = min(size_bytes + FETCHING_THREADS * per_file_bytes, limit_bytes)
    asked_bytes = parse_quantity(OperatorConfig.model_fields["download_memory"].default)
    assert 0 < most_bytes <= asked_bytes / 2
