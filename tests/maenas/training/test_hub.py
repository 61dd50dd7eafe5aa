"""A trained detector on a hub; a small server on this machine takes the place of the hub."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

import maenas
from maenas.blocks.errors import MaenasError, SpecError
from maenas.detector.checkpoints.checkpoint import save_folder
from tests.small_detector import small_spec

constants = pytest.importorskip("huggingface_hub.constants", reason="no huggingface_hub")
COMMIT = "0" * 40
FILES = {"README.md", "detector.yaml", "results.csv", "weights.safetensors"}


class Hub(BaseHTTPRequestHandler):
    """The answers of a hub that a push needs."""

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        self._answer({"sha": COMMIT, "siblings": []})

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, FakeHub)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if server.refuses:
            self._answer({"error": "Invalid username or password."}, 401)
        elif self.path == "/api/repos/create":
            server.made = json.loads(body)
            self._answer({"url": server.repository})
        elif self.path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            names = [each["path"] for each in json.loads(body)["files"]]
            self._answer({"files": [_plain_file(name) for name in names]})
        elif "/commit/" in self.path:
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    value = entry["value"]
                    server.files[value["path"]] = base64.b64decode(value["content"])
            url = f"{server.repository}/commit/{COMMIT}"
            self._answer({"commitUrl": url, "commitOid": COMMIT, "success": True})
        else:
            self._answer({}, 404)

    def _answer(self, data: object, status: int = 200) -> None:
        text = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class FakeHub(ThreadingHTTPServer):
    """A hub that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hub)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.made: dict[str, object] = {}
        self.files: dict[str, bytes] = {}
        self.refuses = False

    @property
    def repository(self) -> str:
        """Address of the repository that was made."""
        return f"{self.address}/{self.made['organization']}/{self.made['name']}"


def _plain_file(name: str) -> dict[str, object]:
    return {"path": name, "uploadMode": "regular", "shouldIgnore": False, "oid": None}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub on this machine that huggingface_hub talks to."""
    with FakeHub() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        monkeypatch.setattr(constants, "ENDPOINT", made.address)
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        yield made
        made.shutdown()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a training as later commands read it."""
    spec = small_spec("stretch")
    save_folder(tmp_path / "run" / "best", spec, spec.build().state_dict())
    recipe = {"format": "maenas/recipe@1", "epochs": 1}
    args = {"format": "maenas/train@1", "data": "gone.yaml", "detector": "start", "recipe": recipe}
    (tmp_path / "run" / "args.yaml").write_text(yaml.safe_dump(args))
    (tmp_path / "run" / "results.csv").write_text("epoch,ap,ap50\n1,0.25,0.5\n")
    return tmp_path / "run"


def test_a_push_sends_detector_weights_table_and_card(run: Path, server: FakeHub) -> None:
    maenas.card(run, push="someone/blood-cells")
    assert server.made["name"] == "blood-cells"
    assert server.made["organization"] == "someone"
    assert {server.made.get("private"), server.made.get("visibility")} & {True, "private"}
    assert set(server.files) >= FILES
    assert server.files["weights.safetensors"] == (run / "best/weights.safetensors").read_bytes()
    page = server.files["README.md"].decode()
    head, text = page.removeprefix("---\n").split("---\n", 1)
    assert yaml.safe_load(head)["pipeline_tag"] == "object-detection"
    assert text == (run / "card.md").read_text(encoding="utf-8")


def test_a_refusal_of_the_hub_is_one_line_and_the_card_stays(run: Path, server: FakeHub) -> None:
    server.refuses = True
    with pytest.raises(MaenasError, match=r"--push a/b: .*hf auth login") as raised:
        maenas.card(run, push="a/b")
    assert "\n" not in str(raised.value)
    assert (run / "card.md").is_file()


@pytest.mark.parametrize("name", ["alone", "a/b/c", "a/b c"])
def test_a_wrong_name_is_refused_before_any_work(run: Path, name: str) -> None:
    with pytest.raises(SpecError, match="--push"):
        maenas.card(run, push=name)
    assert not (run / "card.md").exists()
