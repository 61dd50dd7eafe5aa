"""A trained detector with its card on a hub, where others find it."""

from __future__ import annotations

import re
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

import yaml

from maenas.blocks.errors import MaenasError, SpecError
from maenas.blocks.plugins.extras import require
from maenas.runs.folders import TRAINING_TABLE
from maenas.training.model_card import Trained

PAGE = "README.md"  # file that a hub shows as the page of a repository
LOGIN = "is the hub reachable, and a token known that may write (`hf auth login`)?"
HEAD = {"pipeline_tag": "object-detection", "library_name": "maenas", "tags": ["maenas"]}


def require_hub(repository: str) -> None:
    """Check what a push needs that can be checked before any work.

    Args:
        repository: repository as OWNER/NAME.
    Raises:
        SpecError: if the package of the hub is missing, or the repository has no such name.
    """
    require("huggingface_hub", "--push")
    if re.fullmatch(r"[\w.-]+/[\w.-]+", repository) is None:
        raise SpecError(f"--push {repository}: must be OWNER/NAME.")


def send(trained: Trained, card: str, repository: str, private: bool = True) -> str:
    """Send detector, weights, table of the training and card to a repository of the hub.

    The hub shows the card as the page of the repository. A repository that exists keeps its
    visibility and its other files.

    Args:
        trained: detector to send.
        card: card, as Markdown.
        repository: repository as OWNER/NAME; made if there is none.
        private: whether a new repository can be seen by its owner alone.
    Returns:
        Address of the repository.
    Raises:
        MaenasError: if the hub refuses or cannot be reached.
    """
    require_hub(repository)
    from huggingface_hub import HfApi

    api = HfApi(library_name="maenas")
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file in (*sorted(trained.folder.iterdir()), trained.run / TRAINING_TABLE):
            copy(file, folder)
        (folder / PAGE).write_text(f"---\n{yaml.safe_dump(HEAD)}---\n{card}", encoding="utf-8")
        try:
            made = api.create_repo(repository, private=private, exist_ok=True)
            api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Add detector")
        except Exception as error:  # classes of an HTTP library that differs by version
            cause = str(error).strip().split("\n")[0] or type(error).__name__
            raise MaenasError(f"--push {repository}: {cause}; {LOGIN}") from None
    return str(made)
