"""A funder with few customers is told only together with others."""

from hypothesis import given
from hypothesis import strategies as st

from rewards.statistics.annual_report.money import FunderOfYear, pool_small
from rewards.statistics.disclosure.threshold import FEWEST_HOLDERS

FUNDERS = st.lists(
    st.builds(
        FunderOfYear,
        st.sampled_from(["authority", "sponsor", "shop"]),
        st.uuids().map(str),
        st.integers(0, 10_000),
        st.integers(0, 10_000),
        st.integers(0, 40),
    ),
    max_size=8,
)


@given(FUNDERS)
def test_nobody_with_few_customers_is_told_alone_and_nothing_is_lost(funders: list[FunderOfYear]) -> None:
    told = pool_small(funders)
    alone = {each.name for each in told if each.name is not None}
    assert all(each.holders >= FEWEST_HOLDERS for each in funders if each.name in alone)
    if any(each.holders >= FEWEST_HOLDERS for each in funders):
        assert sum(each.payable_cents for each in told) == sum(each.payable_cents for each in funders)
        assert sum(each.funders for each in told) == len(funders)
        pooled = {each.name for each in funders} - alone
        assert not pooled or any(each.holders >= FEWEST_HOLDERS for each in funders if each.name in pooled)
    else:
        assert told == ()


def test_pool_is_needed_since_the_rest_of_a_total_is_one_funder() -> None:
    many, few = FunderOfYear("authority", "town", 900, 900, 30), FunderOfYear("sponsor", "bank", 100, 100, 2)
    [pool] = pool_small([many, few])
    assert (pool.name, pool.payable_cents, pool.funders) == (None, 1000, 2)
    # Told alone, the town and the total would say what two persons spent of the bank's money.
    assert 1000 - many.payable_cents == few.payable_cents
