"""What lies in a bin: mass and volume of its items, so that fill level and emptyings agree with the deposits."""

from __future__ import annotations

# Grams: glass, plastic and can as in the project's table of unit masses (average glass packaging as thrown 230 g,
# PET bottle 28 g, aluminium and steel can about 15 g); a handful of paper at 200 g is an assumption.
UNIT_MASS_G = {"glass": 230, "paper": 200, "plastic": 28, "can": 15}
# Millilitres one item takes in the column, with the air around it: 0.7 l for glass follows from about 330 kg/m3 of
# loose glass; the others are assumptions of the same kind.
UNIT_VOLUME_ML = {"glass": 700, "paper": 1000, "plastic": 1500, "can": 400}
_OTHER_MASS_G = 100
_OTHER_VOLUME_ML = 1000


def unit_mass_g(material: str) -> int:
    """Return the mean mass of one item; 100 g for a material an authority has added."""
    return UNIT_MASS_G.get(material, _OTHER_MASS_G)


class Contents:
    """The compartments of one bin, one per material; a view over the dictionary the journal stores."""

    def __init__(self, stored: dict[str, dict[str, int]], *, materials: tuple[str, ...], capacity_l: int) -> None:
        """Share ``stored``, so that what changes here is saved with the next event of the journal."""
        self._stored = stored
        self._materials = materials
        self._compartment_ml = max(capacity_l * 1000 // len(materials), 1)

    def add(self, material: str, *, items: int, mass_g: int) -> None:
        """Drop items of a known mass into the compartment."""
        compartment = self._stored.setdefault(material, {"volume_ml": 0, "mass_g": 0})
        compartment["volume_ml"] += items * UNIT_VOLUME_ML.get(material, _OTHER_VOLUME_ML)
        compartment["mass_g"] += mass_g

    def fill_to(self, fill_pct: int) -> None:
        """Fill every compartment to a level, with items of the mean mass."""
        for material in self._materials:
            item_ml = UNIT_VOLUME_ML.get(material, _OTHER_VOLUME_ML)
            # Rounded up: rounded down, the level told would be one percent less.
            items = -(-self._compartment_ml * fill_pct // (100 * item_ml))
            self._stored[material] = {"volume_ml": items * item_ml, "mass_g": items * unit_mass_g(material)}

    def empty(self, material: str) -> None:
        """Leave nothing in the compartment."""
        self._stored.pop(material, None)

    def mass_g(self, material: str) -> int:
        """Return what a lorry would weigh, in grams."""
        return self._stored.get(material, {"mass_g": 0})["mass_g"]

    def fill_pct(self, material: str) -> int:
        """Return the fill level of the compartment, 0 to 100."""
        volume_ml = self._stored.get(material, {"volume_ml": 0})["volume_ml"]
        return min(volume_ml * 100 // self._compartment_ml, 100)

    def status_fill_pct(self) -> int | dict[str, int]:
        """Return ``fill_pct`` as ``status`` carries it: a number, or one per material with several compartments."""
        levels = {material: self.fill_pct(material) for material in self._materials}
        return levels if len(levels) > 1 else next(iter(levels.values()))
