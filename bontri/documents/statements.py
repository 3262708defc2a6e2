"""A shop's statement in words, in French and English: what the PDF and the CSV say."""

import csv
import datetime
import io
from typing import Any

from bontri.documents.amounts import format_euros, format_number, format_plain_euros
from bontri.documents.pdf import make_pdf
from rewards.languages import Language, format_day, name_month
from rewards.settlement import FunderTotal, Line, Party, Statement

WORDS: dict[Language, dict[str, str]] = {
    "fr": {
        "from": "Collectivité",
        "to": "Commerçant",
        "heading": "Relevé de bons d’achat – {month}",
        "draft": "Projet",
        "number": "Relevé n° {number}",
        "locked": "arrêté le {day}",
        "paid": "payé le {day}",
        "draft_banner": "Projet : ce relevé n’est pas arrêté. Les montants peuvent encore changer.",
        "simulated_banner": "Données simulées : aucun montant n’est dû.",
        "payable": "Montant à payer au commerçant",
        "debt": "Montant dû par le commerçant",
        "payable_note": "Bons utilisés : {redemptions}, repris : {reversals}",
        "funders": "Par financeur",
        "lines": "Détail des bons",
        "funder": "Financeur",
        "count": "Lignes",
        "points": "Points",
        "value": "Valeur",
        "to_pay": "À payer",
        "date": "Date",
        "time": "Heure",
        "voucher": "Bon",
        "offer": "Offre",
        "total": "Total",
        "itself": "{name} (le commerçant)",
        "reversal": "Reprise : {title}",
        "note_value": "La valeur d’un bon est celle du jour où il a été émis.",
        "note_own": "Les bons que le commerçant finance lui-même figurent à leur valeur et ne lui sont pas payés.",
        "note_reversal": "Une reprise annule un bon qui figurait sur un relevé précédent.",
        "note_late": "Un bon enregistré après l’arrêté de son mois figure sur le relevé suivant.",
        "note_time": "Dates et heures : {timezone}.",
        "kind": "Nature",
        "kind_redemption": "utilisation",
        "kind_reversal": "reprise",
        "voucher_id": "Identifiant du bon",
        "funder_kind": "Type de financeur",
        "funder_authority": "collectivité",
        "funder_sponsor": "partenaire",
        "funder_shop": "commerçant",
        "statement": "Relevé",
        "shop": "Commerçant",
        "month": "Mois",
        "value_euros": "Valeur (€)",
        "payable_euros": "À payer (€)",
    },
    "en": {
        "from": "Local authority",
        "to": "Shop",
        "heading": "Statement of vouchers – {month}",
        "draft": "Draft",
        "number": "Statement no. {number}",
        "locked": "locked on {day}",
        "paid": "paid on {day}",
        "draft_banner": "Draft: this statement is not locked. Amounts may still change.",
        "simulated_banner": "Simulated data: nothing is owed.",
        "payable": "Amount to be paid to the shop",
        "debt": "Amount owed by the shop",
        "payable_note": "Vouchers redeemed: {redemptions}, taken back: {reversals}",
        "funders": "By funder",
        "lines": "Vouchers in detail",
        "funder": "Funder",
        "count": "Lines",
        "points": "Points",
        "value": "Value",
        "to_pay": "To pay",
        "date": "Date",
        "time": "Time",
        "voucher": "Voucher",
        "offer": "Offer",
        "total": "Total",
        "itself": "{name} (the shop)",
        "reversal": "Taken back: {title}",
        "note_value": "A voucher’s value is that of the day it was issued.",
        "note_own": "Vouchers the shop funds itself are shown at their value and not paid to it.",
        "note_reversal": "What is taken back was on an earlier statement.",
        "note_late": "A voucher recorded after its month was locked is on the next statement.",
        "note_time": "Dates and times: {timezone}.",
        "kind": "Kind",
        "kind_redemption": "redemption",
        "kind_reversal": "reversal",
        "voucher_id": "Voucher id",
        "funder_kind": "Kind of funder",
        "funder_authority": "authority",
        "funder_sponsor": "sponsor",
        "funder_shop": "shop",
        "statement": "Statement",
        "shop": "Shop",
        "month": "Month",
        "value_euros": "Value (€)",
        "payable_euros": "To pay (€)",
    },
}
LINE_COLUMNS = ("date", "time", "voucher", "offer", "funder", "points", "value", "to_pay")
FUNDER_COLUMNS = ("funder", "count", "points", "value", "to_pay")
CSV_COLUMNS = (
    "statement",
    "shop",
    "month",
    "kind",
    "date",
    "time",
    "voucher",
    "voucher_id",
    "offer",
    "funder_kind",
    "funder",
    "points",
    "value_euros",
    "payable_euros",
)
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")


def statement_as_pdf(statement: Statement, *, language: Language, now: datetime.datetime) -> bytes:
    """Return the statement as PDF; a locked one is the same to the byte whenever it is made."""
    facts = facts_of(statement, language=language)
    return make_pdf("statement.typ", facts, made_at=statement.locked_at or now)


def statement_as_csv(statement: Statement, *, language: Language) -> bytes:
    """Return a line for each line, as French Excel opens it: semicolons, a byte order mark, decimal commas.

    The form ``bontri bins import`` reads too. What shops and authorities wrote cannot become a formula.
    """
    words = WORDS[language]
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";", lineterminator="\r\n")
    writer.writerow(words[column] for column in CSV_COLUMNS)
    for line in statement.lines:
        local = line.occurred_at.astimezone(statement.timezone)
        writer.writerow(
            (
                statement.number or words["draft"],
                without_formula(statement.shop.name),
                f"{statement.month:%Y-%m}",
                words[f"kind_{line.kind}"],
                f"{local:%Y-%m-%d}",
                f"{local:%H:%M:%S}",
                line.reference,
                line.voucher_id,
                without_formula(line.title),
                words[f"funder_{line.funder_kind}"],
                without_formula(line.funder_name),
                line.points,
                format_plain_euros(line.value_cents, language),
                format_plain_euros(line.payable_cents, language),
            )
        )
    return written.getvalue().encode("utf-8-sig")


def without_formula(said: str) -> str:
    """Return a text no spreadsheet takes for a formula."""
    return f"'{said}" if said.startswith(FORMULA_SIGNS) else said


def facts_of(statement: Statement, *, language: Language) -> dict[str, Any]:
    """Return everything the template shows, in words."""
    words = WORDS[language]
    month = name_month(statement.month, language)
    title = words["number"].format(number=statement.number) if statement.number else words["draft"]
    heading = words["heading"].format(month=month)
    amount_cents = statement.payable_cents
    reversals = sum(line.kind == "reversal" for line in statement.lines)
    total = show_sums(statement.points, statement.value_cents, amount_cents, language)
    return {
        "lang": language,
        "title": f"{title} – {statement.shop.name} – {month}",
        "footer": f"{title} · {statement.shop.name} · {month}",
        "banners": list_banners(statement, words),
        "labels": {name: words[name] for name in ("from", "to", "funders", "lines")},
        "authority": show_party(statement.authority),
        "shop": show_party(statement.shop),
        "heading": heading,
        "subheading": describe_state(statement, title, language),
        "payable": {
            "label": words["payable" if amount_cents >= 0 else "debt"],
            "note": words["payable_note"].format(redemptions=len(statement.lines) - reversals, reversals=reversals),
            "amount": format_euros(abs(amount_cents), language),
            "is_debt": amount_cents < 0,
        },
        "funders": {
            "header": [words[column] for column in FUNDER_COLUMNS],
            "rows": [show_funder(each, language) for each in statement.list_funder_totals()],
            "total": [words["total"], format_number(len(statement.lines), language), *total],
        },
        "lines": {
            "header": [words[column] for column in LINE_COLUMNS],
            "rows": [show_line(line, statement, language) for line in statement.lines],
            "total": [words["total"], "", "", "", "", *total],
        },
        "notes": list_notes(statement, words),
    }


def list_banners(statement: Statement, words: dict[str, str]) -> list[str]:
    """List what must not be overlooked."""
    banners = [words["simulated_banner"]] if statement.is_simulated else []
    return [*banners, words["draft_banner"]] if statement.state == "draft" else banners


def list_notes(statement: Statement, words: dict[str, str]) -> list[str]:
    """List the explanations this statement needs."""
    notes = [words["note_value"]]
    if any(line.funder_kind == "shop" for line in statement.lines):
        notes.append(words["note_own"])
    if any(line.kind == "reversal" for line in statement.lines):
        notes.append(words["note_reversal"])
    return [*notes, words["note_late"], words["note_time"].format(timezone=statement.timezone.key)]


def describe_state(statement: Statement, title: str, language: Language) -> str:
    """Say what became of the statement, and when."""
    words, said = WORDS[language], [title]
    if statement.locked_at is not None:
        locked_on = statement.locked_at.astimezone(statement.timezone).date()
        said.append(words["locked"].format(day=format_day(locked_on, language)))
    if statement.paid_on is not None:
        said.append(words["paid"].format(day=format_day(statement.paid_on, language)))
    return ", ".join(said)


def show_party(party: Party) -> dict[str, Any]:
    """Return a name and the lines of an address."""
    return {"name": party.name, "address": party.address.splitlines()}


def show_funder(total: FunderTotal, language: Language) -> list[str]:
    """Return the row of a funder."""
    name = total.funder_name
    if total.funder_kind == "shop":
        name = WORDS[language]["itself"].format(name=name)
    sums = show_sums(total.points, total.value_cents, total.payable_cents, language)
    return [name, format_number(total.lines, language), *sums]


def show_line(line: Line, statement: Statement, language: Language) -> dict[str, Any]:
    """Return the row of a line."""
    local = line.occurred_at.astimezone(statement.timezone)
    is_reversal = line.kind == "reversal"
    title = WORDS[language]["reversal"].format(title=line.title) if is_reversal else line.title
    sums = show_sums(line.points, line.value_cents, line.payable_cents, language)
    day = f"{local:%d/%m/%Y}" if language == "fr" else f"{local:%Y-%m-%d}"
    cells = [day, f"{local:%H:%M}", line.reference, title, line.funder_name, *sums]
    return {"cells": cells, "is_reversal": is_reversal}


def show_sums(points: int, value_cents: int, payable_cents: int, language: Language) -> list[str]:
    """Return the three sums every row ends with."""
    return [
        format_number(points, language),
        format_euros(value_cents, language),
        format_euros(payable_cents, language),
    ]
