"""The arrows of the house: who may import whom, read from the source without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Folders at the top of the repository, installed and linked as `maenas.FOLDER`.
TOP_FOLDERS = ("blocks", "search_spaces", "budgets", "nas", "detector")
MAY_IMPORT: dict[str, set[str]] = {
    "blocks": set(),
    "search_spaces": {"blocks"},
    "budgets": {"blocks"},
    "nas": {"blocks", "search_spaces", "budgets"},
    "detector": {"blocks", "budgets"},
    "maenas": {"blocks", "search_spaces", "budgets", "nas", "detector"},
}
# Rooms of a part: which of their neighbours each may import. Modules that lie at the root of the
# part itself are its contracts: every room may import them.
ROOMS: dict[str, dict[str, set[str]]] = {
    "blocks": {"files": set(), "layers": set(), "plugins": set(), "zoo": set()},
    "budgets": {
        "cluster": set(),
        "graph": set(),
        "backends": {"cluster", "graph"},
        "pricing": {"backends"},
        "calibration": {"pricing"},
        "profiling": {"backends", "graph", "pricing"},
        "kit": {"backends", "graph", "pricing", "profiling"},
        "devices": set(),
    },
    "nas": {
        "executors": set(),
        "scores": {"executors"},
        "certificate": {"scores"},
        "history": {"searchers"},
        "searchers": {"executors", "history"},
    },
    "detector": {
        "ops": set(),
        "media": set(),
        "model": set(),
        "checkpoints": {"model"},
        "runtimes": {"checkpoints", "model", "ops"},
        "predict": {"media", "ops", "runtimes"},
        "assign": {"ops"},
        "losses": {"assign", "model", "ops"},
        "distill": {"checkpoints", "model"},
        "data": {"media"},
        "evaluate": {"data", "media", "ops", "predict", "runtimes"},
        "export": {"media", "model", "ops", "runtimes"},
        "train": {"assign", "checkpoints", "data", "distill", "losses", "model"},
    },
    "maenas": {
        "terminal": set(),
        "testing": set(),
        "report": set(),
        "runs": set(),
        "latency": {"report", "runs", "terminal"},
        "kit": {"latency", "runs", "terminal"},
        "backbone_search": {"latency", "report", "runs", "terminal"},
        "detection": {"report", "runs", "terminal"},
        "training": {"detection", "report", "runs", "terminal"},
        "evidence": {"backbone_search", "runs", "terminal", "training"},
        "pipeline": {"latency", "report", "runs", "terminal", "training"},
        "file_formats": {
            *("backbone_search", "detection", "evidence", "latency"),
            *("pipeline", "runs", "training"),
        },
        "api": {
            *("backbone_search", "detection", "evidence", "file_formats", "kit", "latency"),
            *("pipeline", "runs", "terminal", "training"),
        },
        "cli": {
            *("api", "backbone_search", "detection", "evidence", "file_formats", "kit", "latency"),
            *("pipeline", "runs", "terminal", "training"),
        },
    },
}
# Circles of imports inside functions: a spec builds its module, the module reads its spec. They
# keep torch out of a search.
CIRCLES = [
    {"maenas.blocks.backbone", "maenas.blocks.layers.network"},
    {"maenas.blocks.csp", "maenas.blocks.layers.cross_stage"},
    {"maenas.blocks.residual", "maenas.blocks.layers.residual_unit"},
    {"maenas.detector.model.spec", "maenas.detector.model.layers.network"},
    {"maenas.detector.model.zero_head", "maenas.detector.model.layers.box_head"},
    {
        "maenas.detector.model.rep_gfpn",
        "maenas.detector.model.layers.fusion_neck",
        "maenas.detector.model.layers.merge_node",
    },
]
MOST_COMMAND_LINES = 150  # of a file of the command line
MOST_FILES = 16  # in one folder, beside `__init__.py`
WITHOUT_HEAVY = ["blocks", "budgets", "search_spaces", "nas"]  # all that a search starts with
HEAVY = {"torch", "onnx", "openvino", "scipy", "tensorrt", "ray"}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_those_below_it(part: str) -> None:
    allowed = {part} | MAY_IMPORT[part]
    wrong = [
        f"{module} imports {name}"
        for module in MODULES
        if part_of(module) == part
        for name in imported(module)
        if part_of(name) not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("part", ROOMS)
def test_a_room_imports_only_the_rooms_that_the_page_allows(part: str) -> None:
    rooms = ROOMS[part]
    wrong = [
        f"{module} imports {name}"
        for module in MODULES
        if part_of(module) == part and (room := room_of(module))
        for name in imported(module)
        if part_of(name) == part and (other := room_of(name)) and other != room
        if other not in rooms[room]
    ]
    assert wrong == []


@pytest.mark.parametrize("part", ROOMS)
def test_every_room_is_on_the_page(part: str) -> None:
    assert {room_of(module) for module in MODULES if part_of(module) == part} - {""} == set(
        ROOMS[part]
    )


def test_modules_import_in_circles_only_where_a_spec_meets_its_module() -> None:
    assert sorted(map(sorted, circles())) == sorted(map(sorted, CIRCLES))


def test_nothing_imports_tests_or_benchmarks_or_goes_round_the_package() -> None:
    """`from nas import x` works in a checkout alone, and there it loads a second copy."""
    outside = {*TOP_FOLDERS, "benchmarks", "tests"}
    wrong = [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        for name in imports(ast.walk(tree(path)))
        if name.split(".")[0] in outside
    ]
    assert wrong == []


def test_a_file_of_the_command_line_is_signature_help_and_printing() -> None:
    lengths = {
        module: len(path.read_text(encoding="utf-8").splitlines())
        for module, path in MODULES.items()
        if module.startswith("maenas.cli")
    }
    assert {name: lines for name, lines in lengths.items() if lines > MOST_COMMAND_LINES} == {}


@pytest.mark.parametrize("folder", ["benchmarks", "tests"])
def test_tests_and_benchmarks_use_the_one_import_name(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name in imports(ast.walk(tree(path)))
        if name.split(".")[0] in TOP_FOLDERS
    ]
    assert wrong == []


def test_no_folder_holds_more_files_than_one_can_overlook() -> None:
    counts: dict[Path, int] = {}
    for path in MODULES.values():
        if path.name != "__init__.py":
            counts[path.parent] = counts.get(path.parent, 0) + 1
    assert {
        str(folder.relative_to(ROOT)): count
        for folder, count in counts.items()
        if count > MOST_FILES
    } == {}


def test_the_links_lead_to_the_folders_at_the_top() -> None:
    for folder in TOP_FOLDERS:
        link = ROOT / "maenas" / folder
        assert link.is_symlink()
        assert link.readlink() == Path("..") / folder


def test_imports_are_absolute() -> None:
    relative = [
        module
        for module, path in MODULES.items()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert relative == []


def test_blocks_load_torch_only_where_the_layers_are() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        if module.startswith("maenas.blocks") and not module.startswith("maenas.blocks.layers")
        for name in imports(on_import(tree(path)))
        if name.split(".")[0] == "torch" or name.startswith("maenas.blocks.layers")
    ]
    assert wrong == []


@pytest.mark.parametrize("package", WITHOUT_HEAVY)
def test_a_search_starts_without_torch_and_runtimes(package: str) -> None:
    """No chain of imports that run on import leads from the package to something heavy."""
    came_from: dict[str, str] = {"maenas": "", f"maenas.{package}": ""}
    waiting = [*came_from]
    while waiting:
        module = waiting.pop()
        for name in imports(on_import(tree(MODULES[module]))):
            for loaded in with_parents(name):
                if loaded not in came_from:
                    came_from[loaded] = module
                    if loaded in MODULES:
                        waiting.append(loaded)
    assert {name: by for name, by in came_from.items() if name in HEAVY} == {}


def test_reading_finds_every_form_of_import(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "import a, b.c as d\n"
        "from e import f\n"
        "try:\n    import g\nexcept ImportError:\n    import h\n"
        "if TYPE_CHECKING:\n    import typed\nelse:\n    import i\n"
        "if typing.TYPE_CHECKING:\n    import typed\n"
        "class K:\n    import j\n    def method(self):\n        import later\n"
        "async def function():\n    from later import x\n"
        "with k:\n    import l\n"
    )
    always = {"a", "b.c", "e", "e.f", "g", "h", "i", "j", "l"}
    assert set(imports(on_import(tree(path)))) == always
    assert set(imports(ast.walk(tree(path)))) == always | {"typed", "later", "later.x"}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def on_import(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a module is imported: no function bodies, nothing for typing only."""
    yield node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    children: list[ast.AST] = [*ast.iter_child_nodes(node)]
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        children = [*node.orelse]
    for child in children:
        yield from on_import(child)


def imports(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Names imported: modules, and what is taken out of them, which may be a module too."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def with_parents(name: str) -> Iterator[str]:
    """a, a.b and a.b.c for a.b.c: importing a module imports its packages first."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        yield ".".join(parts[:end])


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of ours by its import name, each file once: links are not followed."""
    for folder in (*TOP_FOLDERS, "maenas"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield (name if folder == "maenas" else f"maenas.{name}"), path


MODULES = {
    name: path
    for name, path in modules()
    if not any(parent.is_symlink() for parent in path.parents if parent != ROOT)
}


@cache
def imported(module: str) -> set[str]:
    """Our modules that a module imports anywhere, also inside functions."""
    names = {name for name in imports(ast.walk(tree(MODULES[module]))) if name in MODULES}
    # `from maenas.nas import search` names the package and a member: the member alone counts
    return {name for name in names if not any(other.startswith(f"{name}.") for other in names)}


def part_of(module: str) -> str:
    """The folder at the top of the repository that holds a module."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in TOP_FOLDERS else "maenas"


def room_of(module: str) -> str:
    """The folder of a part that holds a module; "" if it lies in the part itself."""
    inner = MODULES[module].relative_to(ROOT).parts[1:-1]
    return inner[0] if inner else ""


def circles() -> list[set[str]]:
    """Modules that import one another in a circle, imports inside functions included."""
    reached: dict[str, set[str]] = {}
    for module in MODULES:
        seen: set[str] = set()
        waiting = [*imported(module)]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting.extend(imported(name))
        reached[module] = seen
    found: list[set[str]] = []
    for module, seen in reached.items():
        if module in seen and not any(module in circle for circle in found):
            found.append({module} | {name for name in seen if module in reached[name]})
    return found
