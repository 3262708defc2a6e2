"""The walk of docs/shops.md, line by line, as a till maker types it: bash, curl and jq against a server."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from tests.api_client import Api, start_api
from tests.databases import Database

PAGE = Path(__file__).parents[2] / "docs" / "shops.md"
EXPECTED = {
    "me": [200],
    "voucher": [200, 201, 201, 409],
    "lists": [200, 200],
    "reversal and card": [200, 200],
    "staff": [201, 200, 200, 403, 201, 200, 200],
    "offers": [201, 200, 200, 200, 200, 200, 200],
    "keys": [201, 201, 204, 200],
    "statements": [200],
}
STATUS_OF_EACH = """curl() { command curl "$@" -w '%{stderr}%{http_code}\\n'; }"""


@pytest.fixture
def api(database: Database, keyring, now) -> Api:
    api = start_api(database, keyring, now)
    api.earn(50)
    return api


@pytest.fixture
def address(api: Api) -> Iterator[str]:
    """Address of a server that serves ``api`` as long as the test runs."""
    server = make_server("127.0.0.1", 0, api.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


def read_walk() -> str:
    """Return what the page tells to type, without what it shows as answers."""
    walk = PAGE.read_text(encoding="utf-8").partition("## A walk through the API")[2].partition("## All operations")[0]
    blocks = re.findall(r"^```\n(.*?)^```", walk, flags=re.MULTILINE | re.DOTALL)
    return "\n".join(block for block in blocks if not block.startswith("{"))


def test_every_line_of_the_walk_does_what_the_page_says(api: Api, address: str, tmp_path: Path):
    if not (shutil.which("curl") and shutil.which("jq")):
        pytest.skip("curl or jq is not installed")
    for name in ("voucher", "second"):
        (tmp_path / f"{name}.json").write_text(json.dumps(api.buy(name)))
    walk = read_walk().replace("127.0.0.1:PORT", address).replace("THE_KEY_OF_THE_TILL", api.tokens["shop"])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{STATUS_OF_EACH}\n{walk}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    statuses = [int(status) for status in re.findall(r"^\d{3}$", done.stderr, flags=re.MULTILINE)]
    assert statuses == [status for part in EXPECTED.values() for status in part], (done.stdout, done.stderr)
    assert done.returncode == 0
    assert "voucher_already_redeemed" in done.stdout
    assert "pin_required" in done.stdout
