"""The code of a voucher: 128 bits, derived from its id, found again by a keyed digest, shown to its owner as a QR."""

from uuid import UUID

from rewards.keyring import LOOK_ALIKES, Keyring

CODE_PURPOSE = "voucher"


def digest_of_new_code(keyring: Keyring, voucher_id: UUID) -> bytes:
    """Return what the database keeps of a new voucher's code."""
    return keyring.secret_digest(CODE_PURPOSE, keyring.voucher_code(voucher_id))


def voucher_text(keyring: Keyring, *, authority: str, voucher_id: UUID) -> str:
    """Return what a voucher's QR code says: ``{authority}.{code}``. To be shown to its owner only."""
    return f"{authority}.{keyring.voucher_code(voucher_id)}"


def digest_of_entered_code(keyring: Keyring, entered: str) -> bytes:
    """Return what a voucher is found by, from a scanned or typed text; look-alikes and blanks are forgiven."""
    code = entered.rpartition(".")[2].upper().translate(LOOK_ALIKES)
    return keyring.secret_digest(CODE_PURPOSE, code)
