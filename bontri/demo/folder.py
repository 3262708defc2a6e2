"""The demo's data folder: its secrets and keys, kept from one start to the next, readable by their owner only."""

import json
import secrets
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bontri.demo.seed import DemoKeys, Till
from bontri.embedded.folders import write_private_file
from bontri.settings import SECRET_BYTES, SECRETS


class DemoFolderError(Exception):
    """The data folder does not fit the database."""


class DemoFolder:
    """Files below the data folder, each private."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def mail(self) -> Path:
        """Where e-mail of the demo is laid down instead of sent."""
        return self.path / "mail"

    @property
    def bins(self) -> Path:
        """Where the simulated bins keep their journals."""
        return self.path / "bins"

    @property
    def erasure_register(self) -> Path:
        """Who was erased from the demo."""
        return self.path / "erasures.jsonl"

    @property
    def fleet_file(self) -> Path:
        """What ``bontri simulate`` reads: bins the demo itself leaves alone."""
        return self.path / "fleet.json"

    def secrets(self) -> dict[str, str]:
        """Return the secrets by variable name, drawn at the first start."""
        found = self._read("secrets.json")
        if found is None:
            found = {name: secrets.token_hex(SECRET_BYTES) for name in SECRETS}
            self._write("secrets.json", found)
        return {name: str(found[name]) for name in SECRETS}

    def keep_keys(self, keys: DemoKeys) -> None:
        """Store the keys of tills and agent, which the database knows only as digests."""
        self._write("keys.json", asdict(keys))

    def keys(self) -> DemoKeys:
        """Return the keys stored at the first start.

        Raises:
            DemoFolderError: the database holds a demo made from another folder.
        """
        found = self._read("keys.json")
        if found is None:
            raise DemoFolderError(
                f"the database holds a demo whose keys are not in {self.path}: "
                "use the folder it was made from (BONTRI_DATA_DIR), or an empty database"
            )
        if "operator_key" not in found:
            raise DemoFolderError(
                f"the demo in {self.path} is of an older Bontri: remove the folder, or use another one"
            )
        return DemoKeys([Till(**till) for till in found["tills"]], found["authority_api_key"], found["operator_key"])

    def write_fleet_file(self, content: dict[str, Any]) -> None:
        """Hand the bins over that ``bontri simulate`` may play."""
        self._write(self.fleet_file.name, content)

    def write_walk_file(self, values: Mapping[str, str]) -> Path:
        """Write what the walks through the API in ``docs/`` begin with, for a shell to read; return where.

        Commands typed into that shell work on this demo, wherever its folder is.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / "walk.env"
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in values.items()]
        write_private_file(path, "".join([*lines, 'export BONTRI_DATA_DIR="$DATA"\n']))
        return path

    @contextmanager
    def announced(self, database_url: str, mqtt_url: str) -> Iterator[None]:
        """Let other commands find the database and the broker of a running demo, for the time of the block."""
        self._write("running.json", {"database_url": database_url, "mqtt_url": mqtt_url})
        try:
            yield
        finally:
            for name in ("running.json", "walk.env"):
                (self.path / name).unlink(missing_ok=True)

    def find_running_database(self) -> str | None:
        """Find the database of a running demo."""
        found = self._read("running.json")
        return str(found["database_url"]) if found else None

    def find_running_broker(self) -> str | None:
        """Find the broker of a running demo, as the worker's address."""
        found = self._read("running.json")
        return str(found["mqtt_url"]) if found and "mqtt_url" in found else None

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        if not path.exists():
            return None
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content

    def _write(self, name: str, content: dict[str, Any]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        write_private_file(self.path / name, json.dumps(content, indent=1))
