"""Offers: what citizens can spend points on, from a shop's first draft to its end."""

from rewards.offers.budgets import (
    BudgetBelowCommittedError,
    FunderBudget,
    change_budget,
    give_back_to_budgets,
    list_budgets,
    spend_budget,
)
from rewards.offers.moderating import (
    draft_offer,
    end_offer,
    pause_offer,
    publish_offer,
    put_on_sale,
    reject_offer,
    resume_offer,
    submit_offer,
)
from rewards.offers.reading import (
    OFFERS_MAX,
    ModeratedOffer,
    Offer,
    get_offer,
    list_moderated_offers,
    list_offers,
)
from rewards.offers.refusals import (
    FunderBudgetSpentError,
    OfferLimitReachedError,
    OfferNotOnSaleError,
    OfferSoldOutError,
    OfferStateError,
    OfferUnknownError,
    StockBelowSoldError,
)
from rewards.offers.selling import change_stock, return_to_stock, take_from_stock
from rewards.offers.terms import OfferTerms

__all__ = [
    "OFFERS_MAX",
    "BudgetBelowCommittedError",
    "FunderBudget",
    "FunderBudgetSpentError",
    "ModeratedOffer",
    "Offer",
    "OfferLimitReachedError",
    "OfferNotOnSaleError",
    "OfferSoldOutError",
    "OfferStateError",
    "OfferTerms",
    "OfferUnknownError",
    "StockBelowSoldError",
    "change_budget",
    "change_stock",
    "draft_offer",
    "end_offer",
    "get_offer",
    "give_back_to_budgets",
    "list_budgets",
    "list_moderated_offers",
    "list_offers",
    "pause_offer",
    "publish_offer",
    "put_on_sale",
    "reject_offer",
    "resume_offer",
    "return_to_stock",
    "spend_budget",
    "submit_offer",
    "take_from_stock",
]
