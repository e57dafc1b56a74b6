import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from nemotron_operator.api.conditions import Reason
from nemotron_operator.catalog.catalog import make_catalog
from nemotron_operator.cli.offline import Offline, read_offline
from nemotron_operator.cli.picture.axes import LinearAxis, LogAxis, spread
from nemotron_operator.cli.picture.concurrency import LINE_STYLES, count_sequences
from nemotron_operator.cli.picture.legal_sizes import LegalSize, list_legal_sizes
from nemotron_operator.cli.picture.memory import LEGEND, judge, name_choice, split_memory
from nemotron_operator.cli.picture.page import render_plan_html, write_plan_html
from nemotron_operator.cli.picture.svg import draw_box, draw_curve, write
from nemotron_operator.errors import OperatorError
from nemotron_operator.plan.facts import Facts
from nemotron_operator.plan.request import PlanRequest, resolve_request
from tests.support.fixtures.deployments import BF16, FP8, DeploymentBuilder, a_deployment
from tests.support.fixtures.requests import sizing_requests
from tests.unit.cli.command import nemoctl, write_yaml

OFFLINE = read_offline(None)
TOO_LARGE = "nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-BF16"
HYBRID = "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-FP8"
LONG = "nvidia/NVIDIA-Nemotron-3.5-Lightning-30B-A3B-BF16"
VOID_TAGS = {"meta", "br", "link"}


class Page(HTMLParser):
    """A page read back: its tags with their attributes, and its text outside the style sheet."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open_tags: list[str] = []
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        """The cells of the table's rows, without its header."""
        self.feed(html)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID_TAGS:
            self.open_tags.append(tag)
        if tag == "tr" and "tbody" in self.open_tags:
            self.rows.append([])

    @override
    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open_tags.pop()

    @override
    def handle_data(self, data: str) -> None:
        if "style" not in self.open_tags and data.strip():
            self.texts.append(" ".join(data.split()))
            if "tbody" in self.open_tags:
                self.rows[-1].append(self.texts[-1])

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def list_attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def request_for(builder: DeploymentBuilder, offline: Offline = OFFLINE) -> PlanRequest:
    return resolve_request(builder.parsed, Facts(), offline.config, offline.catalog)


def render(builder: DeploymentBuilder, title: str = "default/a", offline: Offline = OFFLINE) -> Page:
    return Page(render_plan_html([(title, request_for(builder, offline))]))


def list_sizes(model: str, tokens: int, **changes: Any) -> list[LegalSize]:  # noqa: ANN401 - any field
    builder = a_deployment().with_model(model)
    for path, value in changes.items():
        builder = builder.having(path.replace("__", "."), value)
    return list_legal_sizes(request_for(builder), tokens)


def test_the_page_is_whole_and_every_tag_is_closed() -> None:
    page = render(a_deployment())
    assert [] == page.open_tags
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert sorted(set(ids), key=str) == sorted(ids, key=str)


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    html = render_plan_html([("a", request_for(a_deployment())), ("b", request_for(a_deployment().with_model(BF16)))])
    page = Page(html)
    assert [] == [tag for tag, _ in page.tags if tag in {"script", "link", "img", "iframe", "object", "image", "use"}]
    outside = {"src", "href", "xlink:href", "srcset", "action", "style"}
    assert [] == [name for _, attributes in page.tags for name in attributes if name in outside or name[:2] == "on"]
    assert not re.search(r"https?:|//[a-z]|url\(|@import|@font-face", html)
    policy = page.list_attributes("meta")[1]
    assert "default-src 'none'; style-src 'unsafe-inline'" == policy["content"]


def test_what_a_stranger_names_stays_text() -> None:
    bad = "\"'><script>alert(1)</script><b onclick=x>&amp;"
    entry = OFFLINE.catalog.entries[FP8].model_copy(update={"name": bad})
    profile = OFFLINE.config.accelerators["H100-80GB"]
    config = OFFLINE.config.model_copy(update={"accelerators": {bad: profile}, "default_accelerator": bad})
    request = request_for(a_deployment().with_model(FP8))
    request = replace(
        request, entry=entry, accelerator=bad, profile=profile, config=config, catalog=make_catalog([entry])
    )
    html = render_plan_html([(bad, request)])
    assert [] == [tag for tag, _ in Page(html).tags if tag in {"script", "b"}]
    assert "<script" not in html
    # In the title of the page, of the section, and in the facts.
    assert Page(html).text.count("<script>alert(1)</script>") >= 3


def test_each_picture_has_a_title_and_words_instead() -> None:
    page = render(a_deployment().with_tensor(2))
    pictures = [attributes for attributes in page.list_attributes("svg") if "role" in attributes]
    assert ["img", "img"] == [attributes["role"] for attributes in pictures]
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert all(set(str(attributes["aria-labelledby"]).split()) <= ids for attributes in pictures)
    assert "Tensor parallel size 2: fits, 1 x 131,072 tokens at once; weights " in page.text


def test_the_page_follows_light_dark_and_paper() -> None:
    html = render_plan_html([("a", request_for(a_deployment()))])
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media print" in html


def test_every_style_of_the_legend_and_of_the_lines_is_in_the_style_sheet() -> None:
    html = render_plan_html([("a", request_for(a_deployment()))])
    styles = [*(style for style, _ in LEGEND), *(f"curve.line-{number}" for number in range(LINE_STYLES))]
    assert [] == [style for style in styles if f".{style} {{" not in html]


def test_every_legal_size_has_a_bar_a_line_and_a_row() -> None:
    page = render(a_deployment().with_model(FP8))
    assert ["TP 1", "TP 2", "TP 4", "TP 8"] == [text for text in page.texts if re.fullmatch(r"TP \d+", text)]
    curves = {str(attributes["class"]) for attributes in page.list_attributes("polyline")} - {"cut-edge"}
    assert {f"curve line-{number}" for number in range(4)} == curves
    assert ["1", "2 (planned)", "4", "8"] == [row[0] for row in page.rows]


def test_the_table_has_the_numbers_of_the_plan() -> None:
    builder = a_deployment().with_model(FP8).with_max_model_len(32_768)
    size = list_sizes(FP8, 32_768)[1]
    memory = size.sizing.memory
    total = memory.working.total
    expected = [
        *("2", "2", "fits", gib(memory.weights_bytes), gib(total.expected_bytes)),
        f"{gib(total.low_bytes)} to {gib(total.high_bytes)}",
        gib(memory.kv_cache_bytes),
        f"{memory.count_tokens(32_768):,}",
        "131,072",
        str(memory.count_concurrent(32_768)),
    ]
    assert expected == render(builder.with_tensor(4)).rows[1]


def test_the_table_has_the_cost_where_the_configuration_knows_a_price() -> None:
    profile = OFFLINE.config.accelerators["H100-80GB"].model_copy(update={"gpu_price_per_hour": "2.49"})
    accelerators = {"H100-80GB": profile}
    config = OFFLINE.config.model_copy(update={"accelerators": accelerators, "currency": "EUR"})
    page = render(a_deployment(), offline=Offline(config, OFFLINE.catalog))
    assert ["2.49", "4.98", "9.96", "19.92"] == [row[-1] for row in page.rows]
    assert "EUR an hour" in page.texts
    assert "an hour" not in render(a_deployment()).text


def test_a_misfit_says_so_in_words_with_the_message_of_the_plan() -> None:
    builder = a_deployment().with_model(BF16).with_tensor(2).with_max_model_len(131_072)
    page = render(builder)
    assert "Does not fit" in page.texts
    assert "tried: does not fit" in page.texts
    decision = OFFLINE.decide(builder.parsed)
    assert getattr(decision, "message", None) in page.texts
    assert "2 (tried)" == page.rows[1][0]


def test_a_misfit_that_is_started_all_the_same_says_both() -> None:
    builder = a_deployment().with_model(BF16).with_tensor(1).having("planPolicy", "Warn")
    assert "Does not fit, and would be started all the same" in render(builder).texts


def test_a_refusal_for_another_reason_still_shows_what_would_fit() -> None:
    page = render(a_deployment().with_model(FP8).with_tensor(3))
    assert f"Refused: {Reason.TENSOR_PARALLEL_DOES_NOT_DIVIDE}" in page.texts
    assert ["1", "2", "4", "8"] == [row[0] for row in page.rows]


@pytest.mark.parametrize(
    "builder",
    [
        a_deployment().with_model("nvidia/none"),
        a_deployment().with_accelerator("none"),
        a_deployment().having("parallelism.pipeline", 16).having("parallelism.nodes", 1),
    ],
)
def test_what_cannot_be_sized_has_words_and_no_picture(builder: DeploymentBuilder) -> None:
    page = render(builder)
    assert any(text.startswith("Refused: ") for text in page.texts)
    assert [] == page.list_attributes("svg")


def test_a_model_of_unknown_geometry_has_words_and_no_picture() -> None:
    entry = OFFLINE.catalog.entries[FP8].model_copy(update={"config": None})
    entry.__dict__.pop("architecture", None)  # what the original has already read
    page = render(a_deployment().with_model(FP8), offline=Offline(OFFLINE.config, make_catalog([entry])))
    assert f"Refused: {Reason.GEOMETRY_UNKNOWN}" in page.texts
    assert [] == page.list_attributes("svg")


def test_a_model_that_no_size_holds_has_no_second_picture() -> None:
    page = render(a_deployment().with_model(TOO_LARGE))
    assert "No size of one node holds a sequence." in page.texts
    assert ["img"] == [attributes["role"] for attributes in page.list_attributes("svg") if "role" in attributes]


def test_several_plans_are_sections_of_one_page() -> None:
    plans = [(name, request_for(a_deployment().with_model(name))) for name in (FP8, BF16, HYBRID)]
    page = Page(render_plan_html(plans))
    assert 3 == len(page.list_attributes("section"))
    assert "Fit plan" == page.texts[0]


def test_a_page_without_plans_says_so() -> None:
    assert "No deployment could be read." in Page(render_plan_html([])).texts


def test_the_file_is_written_in_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "plan.html"
    write_plan_html([("größer", request_for(a_deployment()))], path)
    assert "<h2>größer</h2>" in path.read_text(encoding="utf-8")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none" / "plan.html"
    with pytest.raises(OperatorError, match=r"none/plan\.html: cannot be written \(No such file or directory\)"):
        write_plan_html([], path)


def test_the_command_writes_the_page_beside_its_answer(tmp_path: Path) -> None:
    path = tmp_path / "plan.html"
    answer = nemoctl("plan", write_yaml(tmp_path / "a.yaml", a_deployment().body), "--html", path)
    assert (0, "") == (answer.code, answer.err)
    assert "2 (planned)" in path.read_text(encoding="utf-8")


@given(builder=sizing_requests())
@settings(deadline=None, max_examples=40)
def test_the_parts_of_a_bar_follow_each_other_and_sum_up(builder: DeploymentBuilder) -> None:
    request = request_for(builder)
    for size in list_legal_sizes(request, request.known_entry.context.max_model_len):
        memory, bar = size.sizing.memory, split_memory(size)
        assert [0, *(segment.end_bytes for segment in bar[:-1])] == [segment.start_bytes for segment in bar]
        parts = {segment.style: segment.size_bytes for segment in bar}
        cache = parts.get("sequence", 0) + parts.get("rest", 0)
        assert max(0, memory.kv_cache_bytes) == cache
        needed = memory.count_sequence_bytes(size.sizing.max_model_len)
        assert needed == parts.get("sequence", 0) + parts.get("missing", 0)
        assert ("missing" in parts) == (not memory.holds(size.sizing.max_model_len))
        assert bar[-1].end_bytes >= memory.total_bytes


@given(builder=sizing_requests())
@settings(deadline=None, max_examples=25)
def test_any_deployment_makes_a_page_whose_shapes_are_inside_their_picture(builder: DeploymentBuilder) -> None:
    page = render(builder)
    widths = [str(each["viewbox"]).split() for each in page.list_attributes("svg") if "role" in each]
    assert all(number in range(2000) for box in widths for number in map(int, box))
    for attributes in page.list_attributes("rect"):
        left, right = float(attributes["x"] or ""), float(attributes["x"] or "") + float(attributes["width"] or "")
        assert 0 <= left <= right <= 980


def test_a_verdict_names_the_doubt() -> None:
    for size in (each for model in (FP8, BF16, HYBRID) for each in list_sizes(model, 131_072)):
        verdict, detail = judge(size)
        expected = "fits" if size.sizing.is_certain else "fits, if the estimates hold"
        assert verdict == (expected if size.sizing.fits else "does not fit")
        assert name_choice(size) == ("planned" if size.sizing.fits else "tried")
        assert detail


def test_what_is_over_is_told_in_gib() -> None:
    size = list_sizes(BF16, 131_072)[0]
    assert ("does not fit", f"over by {gib(-size.sizing.memory.kv_cache_bytes)} GiB") == judge(size)


def test_a_batch_whose_mamba_states_do_not_fit_is_told() -> None:
    sizes = list_sizes(LONG, 4096, accelerator="H100-80GB", engine__maxNumSeqs=1024)
    blocks = sizes[0].sizing.memory.count_blocks()
    assert blocks < 1024
    assert ("does not fit", f"{blocks} blocks for 1024 Mamba states") == judge(sizes[0])
    assert 0 == sizes[0].longest_tokens


def test_sequences_are_counted_as_vllm_logs_them() -> None:
    memory = list_sizes(FP8, 131_072)[1].sizing.memory
    count = count_sequences(memory, 131_072)
    assert memory.count_concurrent(131_072) == int(count)
    assert memory.count_tokens(131_072) == pytest.approx(count * 131_072, abs=131_072 / 1000)


def test_ticks_are_round_and_inside() -> None:
    assert [0, 10, 20, 30, 40, 50, 60, 70] == LinearAxis(79.1, 0, 100).list_ticks(10)
    assert [0, 0.5, 1] == LinearAxis(1.2, 0, 100).list_ticks(3)
    assert [1024, 2048, 4096] == LogAxis(1024, 4096, 0, 100).list_powers(2)
    assert [1, 10, 100] == LogAxis(1, 316.2, 0, 100).list_powers(10)


@given(high=st.floats(0.01, 1e6), most=st.integers(2, 20))
def test_there_are_never_more_ticks_than_asked_for(high: float, most: int) -> None:
    ticks = LinearAxis(high, 0, 1).list_ticks(most)
    assert len(ticks) <= most + 1
    assert ticks[-1] <= high


def test_places_are_proportional_and_stay_on_the_axis() -> None:
    assert [0, 50, 100, 100, 0] == [LinearAxis(10, 0, 100).place(amount) for amount in (0, 5, 10, 11, -1)]
    assert [0, 50, 100, 0] == [LogAxis(1, 100, 0, 100).place(amount) for amount in (1, 10, 100, 0.5)]


@given(places=st.lists(st.floats(0, 100), max_size=5))
def test_labels_are_moved_apart_in_their_order(places: list[float]) -> None:
    moved = spread(places, 17, 0, 100)
    for one, other in [(a, b) for a in range(len(places)) for b in range(len(places)) if places[a] < places[b]]:
        assert moved[other] - moved[one] >= 17 - 1e-9
    assert all(-1e-9 <= place <= 100 + 1e-9 for place in moved)


def test_shapes_are_written_to_a_tenth_and_without_style_where_they_have_none() -> None:
    assert {"class": "a", "x": "1", "y": "2.3", "width": "0", "height": "4"} == draw_box(1, 2.26, -3, 4, "a").attributes
    assert {"x": "1", "y": "2", "text-anchor": "end"} == write(1, 2, "words", anchor="end").attributes
    assert "0,1 2.5,3" == draw_curve([(0, 1), (2.5, 3)], "a").attributes["points"]


def gib(count_bytes: int) -> str:
    return f"{count_bytes / 2**30:,.2f}"
