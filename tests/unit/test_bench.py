"""What `make bench` has to say of a ratio."""

from __future__ import annotations

from scripts.bench import remark


def test_a_rise_and_a_missed_target_are_told() -> None:
    assert remark("train", 1.65, {"train": 1.5}) == ""  # 10 % exactly is none
    assert remark("train", 1.8, {"train": 1.5}) == "up 20% from 1.50"
    assert remark("train", 2.4, {"train": 2.4}) == "target 1.9"
    assert remark("anything", 9.0, {}) == ""
