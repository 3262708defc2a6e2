"""What an authority lets citizens do by themselves: sign up, add cards."""

from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from rewards.schema.territory import Authority


@dataclass(frozen=True, slots=True)
class CitizenRules:
    """Both are open unless the authority closes them: then it is done at the town hall."""

    sign_up_is_open: bool
    claiming_is_open: bool


def get_citizen_rules(connection: Connection, *, authority_id: int, is_to_change: bool = False) -> CitizenRules:
    """Return the rules in force; locked until the transaction ends if they are ``is_to_change``."""
    rules = select(Authority.sign_up_is_open, Authority.claiming_is_open).where(Authority.authority_id == authority_id)
    asked = rules.with_for_update(key_share=True) if is_to_change else rules
    return CitizenRules(*connection.execute(asked).one())


def set_citizen_rules(connection: Connection, rules: CitizenRules, *, authority_id: int) -> None:
    """Put rules in force, for requests from now on."""
    connection.execute(
        update(Authority)
        .where(Authority.authority_id == authority_id)
        .values(sign_up_is_open=rules.sign_up_is_open, claiming_is_open=rules.claiming_is_open)
    )
