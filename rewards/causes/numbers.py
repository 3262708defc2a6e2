"""The two numbers of a French association: SIRET (of an establishment) and RNA (of the register of associations).

Pure functions. Source: INSEE, "Numéro Siret" (Luhn over 14 digits; the establishments of La Poste, SIREN 356000000,
need a digit sum divisible by 5 instead); arrêté du 14 octobre 2009 (RNA: W, the office, seven digits).
"""

import re

RNA = re.compile(r"W[0-9][0-9A-Z][0-9]{7}")
LA_POSTE = "356000000"


def is_siret(number: str) -> bool:
    """Tell whether 14 digits end in the right check digit."""
    if not re.fullmatch(r"[0-9]{14}", number):
        return False
    digits = [int(digit) for digit in number]
    if number.startswith(LA_POSTE) and sum(digits) % 5 == 0:
        return True
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[::2]]
    return (sum(doubled) + sum(digits[1::2])) % 10 == 0


def is_rna(number: str) -> bool:
    """Tell whether a number has the form of the register; it has no check digit."""
    return RNA.fullmatch(number) is not None
