"""The API section without wrk, and the form in which requests reach the load script."""

from pathlib import Path

import pytest

from benchmarks import api, wrk
from benchmarks.api_requests import MIX, Request
from benchmarks.copies import Copies


def test_without_wrk_nothing_counts_as_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrk, "installed", lambda: False)
    section = api.section(Copies(shared=Path("nowhere"), quick=True))
    assert [goal.met for goal in section.goals] == [None, None]
    assert "apt-get install wrk" in section.markdown()


def test_a_request_is_one_line() -> None:
    assert Request("issue", "/v1/issues/DEMO-1").line() == "issue\t/v1/issues/DEMO-1\t"
    assert Request("issue, not changed", "/v1/issues/DEMO-1", '"ab"').line().endswith('\t"ab"')


def test_the_shares_of_the_mix_are_per_cent() -> None:
    assert sum(MIX.values()) == 100
