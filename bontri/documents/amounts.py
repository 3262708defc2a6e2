"""Numbers and amounts as each language writes them."""

from rewards.languages import Language


def format_number(number: int, language: Language) -> str:
    """Write a whole number with its thousands apart and a true minus."""
    apart = f"{abs(number):,}"
    sign = "\N{MINUS SIGN}" if number < 0 else ""
    return sign + (apart.replace(",", "\N{NARROW NO-BREAK SPACE}") if language == "fr" else apart)


def format_euros(cents: int, language: Language) -> str:
    """Write an amount: 1 234,50 € or €1,234.50."""
    euros, rest = divmod(abs(cents), 100)
    sign = "\N{MINUS SIGN}" if cents < 0 else ""
    if language == "fr":
        return f"{sign}{format_number(euros, language)},{rest:02}\N{NO-BREAK SPACE}€"
    return f"{sign}€{format_number(euros, language)}.{rest:02}"


def format_plain_euros(cents: int, language: Language) -> str:
    """Write an amount as a spreadsheet of the language reads it as a number."""
    euros, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{euros}{',' if language == 'fr' else '.'}{rest:02}"
