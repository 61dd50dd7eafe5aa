"""Reports in a headless Chromium: what a reader sees and can do."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from maenas.blocks import load_backbone
from maenas.blocks.backbone_file import parse_backbone
from maenas.report import (
    Bars,
    Candidates,
    Column,
    Lines,
    Page,
    PlainNetwork,
    Section,
    chart,
    drawing_section,
    page_text,
    table,
)
from maenas.report.charts import Chart, Curve, CurvePoint, Front, History, Plane, data_of
from maenas.search_spaces import Space, load_space
from maenas.search_spaces.moves import Moves
from tests.browser import DESK, PHONE, Tab, chromium, open_tab
from tests.maenas.report.every_chart import candidates, page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium: none is on PATH or in CHROMIUM"),
]
AXE = Path(sys.prefix) / "share" / "axe-core" / "axe.min.js"  # `make axe` brings it
READY = "'ready' in document.documentElement.dataset"
NAME = "</script><img src=x onerror=alert(1)>"
TAB, ENTER = ("Tab", 9), ("Enter", 13)


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with open_tab() as opened:
        yield opened


@pytest.fixture(scope="module")
def report(small_folder: Path) -> Path:
    """The report of a small search; only to be read."""
    return small_folder / "run" / "report.html"


@pytest.fixture(scope="module")
def space(small_folder: Path) -> Space:
    return load_space(str(small_folder / "small.yaml"))


@pytest.fixture
def seen(tab: Tab, report: Path) -> Tab:
    """The report on a desk, as just opened."""
    tab.view(DESK)
    tab.open(report)
    tab.wait(READY)
    return tab


def place_of(tab: Tab, index: int) -> tuple[float, float]:
    """Where a network of the front is drawn, in pixels of the window."""
    found: list[float] = tab.run(f"""(() => {{
        const place = document.querySelector('[id^=front-].chart');
        place.scrollIntoView({{block: 'center', behavior: 'instant'}});
        const data = DATA.charts[place.id], group = networks.group(data.group);
        const chart = echarts.getInstanceByDom(place);
        const value = [group.columns[0].values[{index}], group.scores[{index}]];
        const at = chart.convertToPixel('grid', value);
        const box = place.getBoundingClientRect();
        return [box.left + at[0], box.top + at[1]];
    }})()""")
    return found[0], found[1]


def genome_of(tab: Tab, index: int) -> list[int]:
    genome: list[int] = tab.run(f"""(() => {{
        const [name] = Object.keys(DATA.groups), group = networks.group(name);
        const width = group.coding.genes.length;
        return [...group.genes.subarray({index} * width, {index} * width + width)];
    }})()""")
    return genome


@pytest.fixture(scope="module")
def every_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every kind of chart, over 100,000 candidates."""
    path = tmp_path_factory.mktemp("page") / "every.html"
    path.write_text(page(), encoding="utf-8")
    return path


def test_a_page_of_a_hundred_thousand_candidates_stays_small(every_chart: Path) -> None:
    assert every_chart.stat().st_size < 1_500_000


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_every_kind_of_chart_is_drawn(tab: Tab, every_chart: Path, size: tuple[int, int]) -> None:
    tab.view(size)
    tab.open(every_chart)
    tab.wait(READY)
    drawn = "[...document.querySelectorAll('.chart')].map(one => one.querySelector('canvas')"
    assert tab.run(f"{drawn} !== null)") == [True] * 8
    assert tab.run("[...document.images].every(one => one.naturalWidth === 160)")
    assert tab.requests[0] == every_chart.as_uri()
    assert all(address.startswith("data:") for address in tab.requests[1:])
    assert tab.complaints == []
    assert tab.run("document.documentElement.scrollWidth") == size[0]


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_legend_lists_only_what_is_drawn(tab: Tab, tmp_path: Path, size: tuple[int, int]) -> None:
    """A result beyond the limits, and the single point of the exact solver."""
    known, best = candidates()
    found = [("best", best[-1])]
    solved = Curve("this search", [CurvePoint(1, 590.0, best[-1])])
    charts: list[Chart] = [
        Front("s", "latency", "score", 0, best[:9], [], found, [("budget", 2.5)]),
        Plane("s", 0, 1, "latency", "MACs", 0, found, [(2.5, 0.01)]),
        History("s", "score", [solved], [("certified optimum", 600.0)]),
    ]
    sections = [
        Section(f"s-{one.kind}", one.kind, chart(one.kind, one.kind), {one.kind: data_of(one)})
        for one in charts
    ]
    group = Section("group", "", "", groups={"s": known.coded()})
    path = tmp_path / "page.html"
    path.write_text(page_text(Page("a", "b", [group, *sections], "c")), encoding="utf-8")
    tab.view(size)
    tab.open(path)
    tab.wait(READY)
    hidden = tab.run("""[...document.querySelectorAll('.chart')].flatMap(place => {
        const chart = echarts.getInstanceByDom(place), option = chart.getOption();
        const named = option.series.filter(one => one.name);
        const listed = option.legend[0].data ?? named.map(one => one.name);
        const isDrawn = (series) => {
            const places = series.data.map(value => chart.convertToPixel('grid', value));
            const isLine = series.type === 'line' && series.symbol === 'none';
            if (isLine && places.every(([x]) => x === places[0][0])) return false;
            return places.some(place => chart.containPixel('grid', place));
        };
        return listed.filter(name => !named.some(one => one.name === name && isDrawn(one)));
    })""")
    assert hidden == []
    assert tab.complaints == []


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_no_two_of_many_curves_look_alike(tab: Tab, tmp_path: Path, size: tuple[int, int]) -> None:
    """Twelve classes and their mean, which stands out; as many networks as marks and as bars."""
    names = ["mean", *(f"a class with a long name {number}" for number in range(12))]
    curves = [
        Curve(name, [CurvePoint(0, 1 + at), CurvePoint(1, at)], is_mean=name == "mean")
        for at, name in enumerate(names)
    ]
    data = {
        "lines": data_of(Lines("recall", "precision", curves)),
        "marks": data_of(Lines("latency", "AP", curves[1:], marks=True)),
        "bars": data_of(Bars("ms", ["one"], [(name, [1.0]) for name in names])),
    }
    sections = [Section(f"s-{one}", one, chart(one, one), {one: data[one]}) for one in data]
    path = tmp_path / "page.html"
    path.write_text(page_text(Page("a", "b", sections, "c")), encoding="utf-8")
    tab.view(size)
    tab.open(path)
    tab.wait(READY)
    option = "echarts.getInstanceByDom(document.getElementById('{}')).getOption()"
    for name, look in (
        ("lines", "[one.lineStyle.color, one.lineStyle.type]"),
        ("marks", "[one.itemStyle.color, one.symbol]"),
        ("bars", "[one.itemStyle.color, one.itemStyle.borderColor]"),
    ):
        looks = tab.run(f"{option.format(name)}.series.map(one => JSON.stringify({look}))")
        assert len(set(looks)) == len(looks) >= 12, name
    ink = tab.run(f"{option.format('lines')}.textStyle.color")
    drawn = tab.run(
        f"{option.format('lines')}.series.map(one => [one.lineStyle.color, one.lineStyle.width])"
    )
    assert drawn[0][0] == ink
    assert drawn[0][1] >= 2 * max(width for _, width in drawn[1:])
    assert ink not in [colour for colour, _ in drawn[1:]]
    place = tab.run("(({left, top, width, height}) => [left + width / 2, top + height / 2])("
                    "document.getElementById('lines').getBoundingClientRect())")  # fmt: skip
    tab.hover(place[0] - 40, place[1])
    tab.hover(*place)
    tab.wait("document.querySelector('.tip')?.innerText.includes('mean: ')")
    # A legend of several rows ends above the chart.
    tops = tab.run(f"{option.format('lines')}.grid.map(one => one.top)")
    assert (tops[0] > 56) == (size == DESK)
    assert tab.complaints == []


@pytest.mark.parametrize("width", [390, 800, 1200])
def test_the_navigation_and_the_buttons_keep_clear(tab: Tab, every_chart: Path, width: int) -> None:
    """The navigation wraps, and a button that copies a text is not on it."""
    tab.view((width, 900))
    tab.open(every_chart)
    tab.wait(READY)
    assert tab.run(
        "[...document.querySelectorAll('nav a')].every("
        "one => one.getBoundingClientRect().right <= innerWidth)"
    )
    assert tab.run(
        "[...document.querySelectorAll('.copyable')].every(one => {"
        "const [text, button] = [...one.children].map(each => each.getBoundingClientRect());"
        "return button.left >= text.right || button.top >= text.bottom; })"
    )


def test_headings_of_a_wide_table_wrap(tab: Tab, tmp_path: Path) -> None:
    head = ["latency on intel-8163, estimated [ms]"] * 6
    body = table("Costs", head, [["1.234"] * 6], numbers=range(6))
    path = tmp_path / "page.html"
    content = Page("a", "b", [Section("costs", "Costs", body)], "c")
    path.write_text(page_text(content), encoding="utf-8")
    tab.view((1200, 900))
    tab.open(path)
    tab.wait(READY)
    box = "document.querySelector('.scroll')"
    assert tab.run(f"{box}.scrollWidth === {box}.clientWidth")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_report_requests_nothing_and_complains_about_nothing(
    tab: Tab, report: Path, size: tuple[int, int], dark: bool
) -> None:
    tab.view(size, dark=dark)
    tab.open(report)
    tab.wait(READY)
    tab.run("new Promise(requestAnimationFrame)")
    assert tab.requests == [report.resolve().as_uri()]
    assert tab.complaints == []
    assert tab.run("document.documentElement.scrollWidth") == size[0]


def test_a_network_that_is_clicked_is_the_one_that_is_shown(seen: Tab, space: Space) -> None:
    cheapest = seen.run("DATA.charts[document.querySelector('[id^=front-].chart').id].best[0]")
    seen.click(*place_of(seen, cheapest))
    seen.wait(f"document.getElementById('selected').dataset.index === '{cheapest}'")
    assert seen.run("document.getElementById('said').textContent").startswith("Selected: ")
    backbone = space.decode(genome_of(seen, cheapest))
    rows = seen.run(
        "[...document.querySelectorAll('#selected tbody tr')].map("
        "row => [...row.cells].slice(1, 5).map(cell => cell.textContent))"
    )
    assert rows == [
        [stage.kind, "x".join(map(str, ops[-1].out_shape[1:])), str(ops[-1].out_shape[0]),
         str(getattr(stage, "depth", 1))]
        for stage, ops in zip(backbone.stages, backbone.stage_ops(), strict=True)
    ]  # fmt: skip


def test_the_spec_that_is_copied_is_the_network(seen: Tab, space: Space, tmp_path: Path) -> None:
    seen.ask(
        "Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"]
    )
    seen.ask("Page.bringToFront")
    cheapest = seen.run("DATA.charts[document.querySelector('[id^=front-].chart').id].best[0]")
    seen.click(*place_of(seen, cheapest))
    seen.wait(f"document.getElementById('selected').dataset.index === '{cheapest}'")
    seen.run("document.querySelector('#selected [data-copy]').click()")
    seen.wait("document.getElementById('said').textContent === 'Copied'")
    spec = tmp_path / "copied.yaml"
    spec.write_text(seen.run("navigator.clipboard.readText()"), encoding="utf-8")
    assert load_backbone(spec) == space.decode(genome_of(seen, cheapest))


@pytest.mark.parametrize("name", ["csp", "mobv3"])
def test_the_page_writes_specs_of_every_kind_of_value(seen: Tab, name: str) -> None:
    """Texts, lists and floats among the fields: the page and `load_backbone` agree on them."""
    space = load_space(name)
    backbone = space.decode([len(gene.values) // 2 for gene in space.genes])
    coded = json.dumps(PlainNetwork(name, backbone).coded())
    data = yaml.safe_load(seen.run(f"networks.spec({coded})"))
    data.pop("format")
    assert parse_backbone(data, "page") == backbone


def test_the_page_decodes_a_choice_of_blocks(seen: Tab) -> None:
    space = load_space("cpu")
    genomes = Moves(space).sample(np.random.default_rng(0), 30)
    ones = np.ones(len(genomes))
    macs = Column("MACs", "G", ones)
    group = Candidates(space, genomes, ones, ones.astype(np.int64), [macs], "score").coded()
    seen.run(f"DATA.groups.choices = {json.dumps(group)}")
    specs = seen.run(
        "Array.from({length: 30}, (_, index) => networks.spec(networks.at('choices', index)))"
    )
    assert len({stage.kind for one in genomes for stage in space.decode(one).stages}) == 3
    for text, genome in zip(specs, genomes.tolist(), strict=True):
        data = yaml.safe_load(text)
        data.pop("format")
        assert parse_backbone(data, "page") == space.decode(genome)


def test_a_network_under_the_mouse_is_named_with_its_stages(seen: Tab, space: Space) -> None:
    best = seen.run("DATA.charts[document.querySelector('[id^=front-].chart').id].best.at(-1)")
    x, y = place_of(seen, best)
    seen.hover(x - 40, y + 40)
    seen.hover(x, y)
    seen.wait("document.querySelector('.tip')?.offsetParent")
    stages = space.decode(genome_of(seen, best)).stage_ops()
    widths = "/".join(str(ops[-1].out_shape[0]) for ops in stages)
    assert f"widths: {widths}" in seen.run("document.querySelector('.tip').innerText")


def test_the_keyboard_reaches_the_content_and_every_network_of_the_front(seen: Tab) -> None:
    seen.press(*TAB)
    assert seen.run("document.activeElement.className") == "skip"
    seen.press(*ENTER)
    seen.wait("document.activeElement.id === 'content'")
    seen.run("document.querySelector('[data-step=back]').focus()")
    order = seen.run("DATA.charts[document.querySelector('[id^=front-].chart').id].best")
    shown = "Number(document.getElementById('selected').dataset.index)"
    reached = {seen.run(shown)}
    for _ in order:
        seen.press(*ENTER)
        reached.add(seen.run(shown))
    assert set(order[:-1]) <= reached
    assert seen.run(shown) == order[0]


def test_the_dark_page_is_dark_and_its_charts_too(tab: Tab, report: Path) -> None:
    light = {}
    for dark in (False, True):
        tab.view(DESK, dark=dark)
        tab.open(report)
        tab.wait(READY)
        colour = tab.run("getComputedStyle(document.body).backgroundColor")
        bright = sum(map(int, re.findall(r"\d+", colour)[:3]))
        ink = tab.run(
            "echarts.getInstanceByDom(document.querySelector('.chart')).getOption().textStyle.color"
        )
        light[dark] = (bright, int(ink[1:3], 16))
    assert light[True][0] < 120 < 600 < light[False][0]
    assert light[True][1] > 180 > 80 > light[False][1]


def test_a_printed_page_is_light_and_has_no_buttons(seen: Tab) -> None:
    seen.view(DESK, media="print", dark=True)
    assert seen.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert seen.run("getComputedStyle(document.querySelector('button')).display") == "none"
    assert seen.run("getComputedStyle(document.querySelector('details')).display") == "none"
    assert seen.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    seen.run(
        "window.addEventListener('beforeprint', () => { window.ink = "
        "echarts.getInstanceByDom(document.querySelector('.chart')).getOption().textStyle.color})"
    )
    assert seen.printed().startswith(b"%PDF")
    assert seen.run("window.ink") == "#18222d"


@pytest.mark.slow
@pytest.mark.skipif(not AXE.is_file(), reason=f"no axe-core in {AXE}: `make axe` brings it")
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(tab: Tab, report: Path, dark: bool) -> None:
    tab.view(DESK, dark=dark)
    tab.open(report)
    tab.wait(READY)
    tab.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    tab.run(AXE.read_text(encoding="utf-8") + "; 0")
    found = tab.run(
        "axe.run().then(result => result.violations.filter(one => "
        "['serious', 'critical'].includes(one.impact)).map(one => "
        "one.id + ': ' + one.nodes.slice(0, 3).map(node => node.html).join(' | ')))"
    )
    assert found == []


@pytest.mark.slow
def test_names_from_files_are_text_wherever_they_appear(tab: Tab, tmp_path: Path) -> None:
    backbone = load_backbone("zoo:damo-yolo-t")
    drawn = drawing_section("stages", NAME, [PlainNetwork(NAME, backbone, [(NAME, NAME)])])
    curves = [Curve(NAME, [CurvePoint(1, 2), CurvePoint(2, 3)])]
    lines = Section("lines", NAME, chart("one", NAME), {"one": data_of(Lines(NAME, NAME, curves))})
    path = tmp_path / "page.html"
    path.write_text(page_text(Page(NAME, NAME, [drawn, lines], NAME)), encoding="utf-8")
    tab.view(PHONE)
    tab.open(path)
    tab.wait(READY)
    assert tab.requests == [path.as_uri()]
    assert tab.complaints == []
    assert tab.run("document.querySelectorAll('img').length") == 0
    assert tab.run("document.querySelector('h1').textContent") == NAME
    assert tab.run("document.querySelector('.drawing .name').textContent") == NAME
    assert tab.run("document.documentElement.scrollWidth") == PHONE[0]
