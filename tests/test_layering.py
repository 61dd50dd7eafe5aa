"""The arrows of the house: who may import whom, read from the source without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT: dict[str, set[str]] = {
    "blocks": set(),
    "search_spaces": {"blocks"},
    "budgets": {"blocks"},
    "nas": {"blocks", "search_spaces", "budgets"},
    "detector": {"blocks", "budgets"},
    "maenas": {"blocks", "search_spaces", "budgets", "nas", "detector"},
}
OURS = {*MAY_IMPORT, "benchmarks", "tests"}  # the last two import everything, nothing imports them
WITHOUT_HEAVY = ["blocks", "budgets", "search_spaces", "nas"]  # all that a search starts with
HEAVY = {"torch", "onnx", "openvino", "scipy", "tensorrt", "ray"}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_those_below_it(package: str) -> None:
    allowed = {package} | MAY_IMPORT[package]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(package)
        for name in imports(ast.walk(tree(path)))
        if name.split(".")[0] in OURS - allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_are_absolute(package: str) -> None:
    relative = [
        str(path.relative_to(ROOT))
        for path in sources(package)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert relative == []


def test_blocks_load_torch_only_where_the_layers_are() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources("blocks")
        if "layers" not in path.relative_to(ROOT).parts
        for name in imports(on_import(tree(path)))
        if name.split(".")[0] == "torch" or name.startswith("blocks.layers")
    ]
    assert wrong == []


@pytest.mark.parametrize("package", WITHOUT_HEAVY)
def test_a_search_starts_without_torch_and_runtimes(package: str) -> None:
    """No chain of imports that run on import leads from the package to something heavy."""
    came_from: dict[str, str] = {package: ""}
    waiting = [package]
    while waiting:
        module = waiting.pop()
        for name in imports(on_import(tree(file_of(module)))):
            for loaded in with_parents(name):
                if loaded not in came_from:
                    came_from[loaded] = module
                    if file_of(loaded).exists():
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


def sources(package: str) -> list[Path]:
    paths = sorted((ROOT / package).rglob("*.py"))
    assert paths, f"no such package: {package}"
    return paths


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


def file_of(module: str) -> Path:
    """Where the source of a module of ours would be."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
