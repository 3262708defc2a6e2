"""Counted items as grams, for every statement that sums rollups ``d``: join ``OF_ITEMS``, then sum ``ESTIMATED_G``.

Both the unit mass and the bin's calibration factor hold from the first of a month on, so that sums of months suffice.
"""

from rewards.statistics.unit_masses import IN_FORCE

FACTORS = """
    SELECT bin_id, material, factor, valid_from,
           lead(valid_from, 1, CAST('infinity' AS date)) OVER (PARTITION BY bin_id, material ORDER BY valid_from)
               AS valid_until
      FROM bin_calibrations WHERE authority_id = :authority_id
"""

OF_ITEMS = f"""
      LEFT JOIN ({IN_FORCE}) AS m ON m.material = d.material AND d.day >= m.valid_from AND d.day < m.valid_until
      LEFT JOIN ({FACTORS}) AS k ON k.bin_id = d.bin_id AND k.material = d.material
                                AND d.day >= k.valid_from AND d.day < k.valid_until
"""
"""The unit mass ``m`` and the factor ``k`` in force on ``d.day``, of ``:authority_id``."""

ESTIMATED_G = "coalesce(sum(d.unweighed_items * m.unit_mass_g * coalesce(k.factor, 1)), 0)"
"""Grams of the items no bin weighed, not rounded; leaves out those whose unit mass nobody knows: ``IS_UNKNOWN``."""

IS_UNKNOWN = "d.unweighed_items > 0 AND m.unit_mass_g IS NULL"
"""Whether a row has items nobody knows the grams of: then the sum is missing, not smaller."""
