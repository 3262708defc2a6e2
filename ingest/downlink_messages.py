"""Commands and configurations as signed messages. No SQL, no network. Source: docs/bin-protocol.md."""

from msgspec import UNSET

from ingest.contract import (
    LARGEST_PACKET_BYTES,
    Command,
    Config,
    ConfigLine,
    ConfigTariff,
    EmptyingMode,
    Limits,
    Reboot,
    Resend,
    encode,
)
from ingest.messages import Outgoing
from ingest.signatures import sign_message
from ingest.topics import DownChannel, down_topic
from rewards.displays import Display
from rewards.due_commands import DueCommand
from rewards.due_displays import DueDisplay
from rewards.keyring import Keyring

LARGEST_LINE_BYTES = LARGEST_PACKET_BYTES - 512
"""Leaves room for the topic, the signature and the header of the packet."""


def write_command(due: DueCommand, *, authority: str, keyring: Keyring) -> Outgoing:
    """Write a command for its bin; not retained, since a bin that comes late would find one out of date."""
    line = encode(command_of(due))
    return write_down(due.bin_id, "command", line, authority=authority, key_number=due.key_number, keyring=keyring)


def write_config(due: DueDisplay, display: Display, *, authority: str, keyring: Keyring) -> Outgoing:
    """Write the configuration of a bin; retained, so that it is there when the bin connects."""
    line = write_config_line(due.bin_id, display)
    return write_down(due.bin_id, "config", line, authority=authority, key_number=due.key_number, keyring=keyring)


def write_down(
    bin_id: str, channel: DownChannel, line: bytes, *, authority: str, key_number: int, keyring: Keyring
) -> Outgoing:
    """Sign a line for a bin and address it; at QoS 1."""
    topic = down_topic(authority, bin_id, channel)
    key = keyring.bin_key(authority=authority, bin_id=bin_id, key_number=key_number)
    payload = sign_message(key, key_number=key_number, topic=topic, line=line)
    return Outgoing(topic, payload, qos=1, is_retained=channel == "config")


def command_of(due: DueCommand) -> Command:
    """Return a command as the protocol has it."""
    command_id, issued_at, expires_at = str(due.command_id), due.issued_at, due.expires_at
    match due.kind:
        case "resend":
            return Resend(
                v=1,
                bin=due.bin_id,
                id=command_id,
                issued_at=issued_at,
                expires_at=expires_at,
                journal=due.arguments["journal"],
                first=due.arguments["first"],
                last=due.arguments["last"],
            )
        case "reboot":
            return Reboot(v=1, bin=due.bin_id, id=command_id, issued_at=issued_at, expires_at=expires_at)
        case "emptying_mode":
            return EmptyingMode(
                v=1,
                bin=due.bin_id,
                id=command_id,
                issued_at=issued_at,
                expires_at=expires_at,
                on=due.arguments["on"],
                minutes=due.arguments["minutes"],
            )


def write_config_line(bin_id: str, display: Display) -> bytes:
    """Write a configuration; tariffs furthest in the future are left out when all would not fit a packet."""
    tariffs = [
        ConfigTariff(
            tariff.valid_from,
            {material: ConfigLine(line.basis, line.points) for material, line in sorted(tariff.lines.items())},
        )
        for tariff in display.tariffs
    ]
    limits = Limits(
        UNSET if display.day_cap_points is None else display.day_cap_points,
        UNSET if display.week_cap_points is None else display.week_cap_points,
    )
    texts = {language: dict(words) for language, words in display.texts.items()}
    while True:
        config = Config(v=1, bin=bin_id, version=display.version, tariffs=tariffs, limits=limits, texts=texts)
        line = encode(config)
        if len(line) <= LARGEST_LINE_BYTES or not tariffs:
            return line
        tariffs.pop()
