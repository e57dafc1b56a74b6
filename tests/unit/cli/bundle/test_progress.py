from nemotron_operator.cli.bundle.progress import TransferProgress, describe_progress
from nemotron_operator.units import GIB, MIB


def test_share_rate_and_rest_are_told() -> None:
    assert "Sent 25 % of 68.00 GiB, 400 MiB/s, 2 min 11 s left." == describe_progress(
        "Sent", 17 * GIB, 68 * GIB, 400 * MIB
    )
    assert "Sent 0 % of 68.00 GiB." == describe_progress("Sent", 0, 68 * GIB, 0)
    assert "Sent 100 % of 0.00 GiB." == describe_progress("Sent", 0, 0, 0)


def test_it_is_quiet_for_ten_seconds() -> None:
    told: list[str] = []
    times = iter([100.0, 101.0, 109.9, 110.0, 119.0, 120.0])
    progress = TransferProgress("Sent", 10 * MIB, told.append, lambda: next(times))
    for _ in range(5):
        progress.add(MIB)
    assert ["Sent 30 % of 0.01 GiB, 0 MiB/s, 23 s left.", "Sent 50 % of 0.01 GiB, 0 MiB/s, 20 s left."] == told
