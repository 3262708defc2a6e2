"""What the terminal says of an effect, where numbers would read wrong."""

from bontri.commands.stats.effect_drawing import count_sites, describe_p


def test_tiny_p_value_is_no_zero():
    assert [describe_p(p) for p in (0.0, 0.00099, 0.001, 0.0426)] == ["p < 0.001", "p < 0.001", "p 0.001", "p 0.043"]


def test_one_site_is_not_many():
    assert [count_sites({"sites": ["A"] * sites}) for sites in (1, 2)] == ["1 site", "2 sites"]
