"""The tables of Bontri, a file per subject. Importing this package registers all of them."""

from rewards.schema.access import ApiKey, IdempotentRequest, Session, SignInCode
from rewards.schema.base import Base
from rewards.schema.causes import Cause, Donation, Goal
from rewards.schema.citizens import (
    Badge,
    Citizen,
    Contact,
    InvitationTry,
    Wallet,
    WalletChange,
    WalletInvitation,
)
from rewards.schema.drafts import Draft
from rewards.schema.events import (
    BinJournal,
    DailyDeposits,
    Event,
    QuarantinedEvent,
    QuarantinedMessage,
    QuarantineOverflow,
)
from rewards.schema.fleet import BinAlarm, BinCommand, BinReport
from rewards.schema.jobs import ExpiryWarning, Job, OutboxMessage
from rewards.schema.ledger import (
    Account,
    AuthorityAccount,
    BinCapUsage,
    CappedDeposit,
    CapUsage,
    Correction,
    Review,
    Transfer,
    WalletAccount,
)
from rewards.schema.shops import CardTry, Funder, Offer, RedemptionAttempt, Shop, ShortCode, ShortCodeTry, Voucher
from rewards.schema.tariffs import Campaign, Tariff, TariffLine
from rewards.schema.territory import (
    Authority,
    Bin,
    BinDirectory,
    BinKey,
    Commune,
    Material,
    Placement,
    Site,
)

__all__ = [
    "Account",
    "ApiKey",
    "Authority",
    "AuthorityAccount",
    "Badge",
    "Base",
    "Bin",
    "BinAlarm",
    "BinCapUsage",
    "BinCommand",
    "BinDirectory",
    "BinJournal",
    "BinKey",
    "BinReport",
    "Campaign",
    "CapUsage",
    "CappedDeposit",
    "CardTry",
    "Cause",
    "Citizen",
    "Commune",
    "Contact",
    "Correction",
    "DailyDeposits",
    "Donation",
    "Draft",
    "Event",
    "ExpiryWarning",
    "Funder",
    "Goal",
    "IdempotentRequest",
    "InvitationTry",
    "Job",
    "Material",
    "Offer",
    "OutboxMessage",
    "Placement",
    "QuarantineOverflow",
    "QuarantinedEvent",
    "QuarantinedMessage",
    "RedemptionAttempt",
    "Review",
    "Session",
    "Shop",
    "ShortCode",
    "ShortCodeTry",
    "SignInCode",
    "Site",
    "Tariff",
    "TariffLine",
    "Transfer",
    "Voucher",
    "Wallet",
    "WalletAccount",
    "WalletChange",
    "WalletInvitation",
]
