"""Numbers and amounts as each language writes them."""

from decimal import ROUND_HALF_EVEN, Decimal

from rewards.languages import Language

TEN_TONNES_G = 10_000_000


def format_number(number: int, language: Language) -> str:
    """Write a whole number with its thousands apart and a true minus."""
    apart = f"{abs(number):,}"
    sign = "\N{MINUS SIGN}" if number < 0 else ""
    return sign + (apart.replace(",", "\N{NARROW NO-BREAK SPACE}") if language == "fr" else apart)


def format_decimal(number: float, digits: int, language: Language) -> str:
    """Write a number with so many digits behind the comma: 1 234,5 or 1,234.5."""
    rounded = Decimal(str(number)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
    whole, _, behind = f"{abs(rounded):f}".partition(".")
    sign = "\N{MINUS SIGN}" if rounded < 0 else ""
    return sign + format_number(int(whole), language) + (("," if language == "fr" else ".") + behind if behind else "")


def format_percent(number: float, digits: int, language: Language, *, is_change: bool = False) -> str:
    """Write a percentage: 3,2 % or 3.2%; a change with its sign."""
    sign = "+" if is_change and number > 0 else ""
    blank = "\N{NARROW NO-BREAK SPACE}" if language == "fr" else ""
    return f"{sign}{format_decimal(number, digits, language)}{blank}%"


def format_mass(mass_g: int, language: Language, *, beside: int | None = None) -> str:
    """Write a mass as tonnes, or as kilograms where it, or what it is shown ``beside``, is below ten tonnes."""
    if (mass_g if beside is None else beside) >= TEN_TONNES_G:
        return f"{format_decimal(mass_g / 1_000_000, 1, language)}\N{NO-BREAK SPACE}t"
    return f"{format_decimal(mass_g / 1000, 0, language)}\N{NO-BREAK SPACE}kg"


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
