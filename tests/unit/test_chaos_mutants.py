"""What stands in for our programs in the controls of chaos is asked what these are asked; a control sees a change."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import bontri.worker
import ingest.commit
import partners_api.shops.redemptions
from ingest.pipeline import Pipeline
from ingest.worker import Worker
from reliability.chaos.mutants import EagerWorker, TellingPipeline, TrustingBin, compare_inside, look_then_write
from simulators.bin import SimulatedBin

STAND_INS: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
    (ingest.commit.compare_events, compare_inside),  # type: ignore[attr-defined]
    (partners_api.shops.redemptions.redeem_voucher, look_then_write),  # type: ignore[attr-defined]
    (Worker.handle, EagerWorker.handle),
    (Pipeline._commit_once, TellingPipeline._commit_once),
    (SimulatedBin.on_puback, TrustingBin.on_puback),
]


def asked(of: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(of).parameters)


@pytest.mark.parametrize(("ours", "mutant"), STAND_INS)
def test_a_mutant_is_asked_what_it_stands_in_for_is_asked(ours: Callable[..., Any], mutant: Callable[..., Any]) -> None:
    assert asked(mutant) == asked(ours)


def test_workers_are_made_of_what_mutants_replace() -> None:
    assert (bontri.worker.Worker, bontri.worker.Pipeline) == (Worker, Pipeline)  # type: ignore[attr-defined]


def test_control_one_more_parameter_is_noticed() -> None:
    def redeem(connection: object, keyring: object, *, authority_id: int, purpose: str) -> None:
        """Stand for a redemption that asks for more."""

    assert asked(look_then_write) != asked(redeem)
