"""`benchmarks/bench_install.py`: packages that requirements lead to, and their megabytes."""

from __future__ import annotations

from benchmarks.bench_install import closure, is_cuda, line, sizes


def test_a_closure_holds_what_is_needed_and_names_what_is_absent() -> None:
    found, absent = closure(["typer", "no-such-package-at-all"])
    assert {"typer", "rich"} <= set(found)
    assert absent == {"no-such-package-at-all"}
    assert "pytest" not in found


def test_sizes_are_listed_from_the_largest() -> None:
    packages = sizes(closure(["typer"])[0])
    assert list(packages.values()) == sorted(packages.values(), reverse=True)
    assert line("x", packages).startswith(f"x: {sum(packages.values()):,.0f} MB, ")


def test_cuda_packages_are_told_by_their_name() -> None:
    assert [is_cuda(name) for name in ("nvidia-cublas", "triton", "torch")] == [True, True, False]
