"""Versions of the packages on this machine, and fingerprints of maenas's own files."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("maenas", "torch", "numpy")
# Top-level folders of the repository that are mapped or linked into `maenas`.
TOP_FOLDERS = ("blocks", "search_spaces", "budgets", "nas", "detector")


@cache
def here() -> dict[str, str]:
    """Return versions by name: Python, packages, maenas's code and maenas's tables."""
    versions = {"python": ".".join(platform.python_version_tuple()[:2])}
    for package in PACKAGES:
        try:
            versions[package] = version(package).split("+")[0]  # ignore the GPU of a build
        except PackageNotFoundError:
            versions[package] = "missing"
    versions["code"] = _digest(".py")
    versions["tables"] = _digest(".yaml", ".json")
    return versions


def _digest(*suffixes: str) -> str:
    """Return a fingerprint of maenas's files with these suffixes, independent of their folder."""
    total = hashlib.sha256()
    for package in ("maenas", *(f"maenas.{folder}" for folder in TOP_FOLDERS)):
        found = find_spec(package)
        assert found is not None
        assert found.submodule_search_locations is not None
        root = Path(found.submodule_search_locations[0])
        for path in sorted(root.rglob("*")):
            inner = path.relative_to(root)
            if package == "maenas" and inner.parts[0] in TOP_FOLDERS:
                continue  # folders in an installed package, links in a checkout
            if path.suffix in suffixes:
                total.update(f"{package}/{inner}\0".encode())
                total.update(path.read_bytes())
    return total.hexdigest()[:12]
