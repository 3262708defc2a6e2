"""Who takes part: holders counted for months and years, new ones, and of how many households served.

A holder is a wallet, of one citizen or of a household: docs/decisions/0044-a-holder-is-a-wallet.md.
"""

from rewards.statistics.participation.counting import count_holders
from rewards.statistics.participation.served import list_served, set_served
from rewards.statistics.participation.shares import Participation, list_participation

__all__ = ["Participation", "count_holders", "list_participation", "list_served", "set_served"]
