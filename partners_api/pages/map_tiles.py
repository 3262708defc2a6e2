"""The ground under the map: tiles of a server an operator chose, or none. Only then a page loads from another host."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import current_app

from partners_api.pages.security import POLICY

CONFIG = "MAP_TILES"


@dataclass(frozen=True, slots=True)
class MapTiles:
    """Where tiles are, as ``https://host/{z}/{x}/{y}.png``, and whom the map must credit for them."""

    address: str
    credit: str


def find_map_tiles() -> MapTiles | None:
    """Return the tiles the operator chose, None where there are none."""
    tiles: MapTiles | None = current_app.config[CONFIG]
    return tiles


def policy_of_map() -> str:
    """Return the content security policy of the map's page: pictures of the tiles' host too."""
    tiles = find_map_tiles()
    if tiles is None:
        return POLICY
    address = urlsplit(tiles.address)
    return POLICY.replace("img-src 'self'", f"img-src 'self' {address.scheme}://{address.netloc}")
