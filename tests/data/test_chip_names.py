"""Accelerators by the names that people and drivers' tools give them."""

from __future__ import annotations

import pytest

from llmcost.catalog import Catalog
from llmcost.errors import LlmcostError

CATALOG = Catalog([])


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        # as nvidia-smi, rocm-smi and macOS name them
        ("NVIDIA GeForce RTX 4090", "rtx4090"),
        ("NVIDIA GeForce RTX 4060 Ti 8GB", "rtx4060ti-8gb"),
        ("NVIDIA A100-SXM4-80GB", "a100-80gb-sxm"),
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("NVIDIA RTX 6000 Ada Generation", "rtx-6000-ada"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "rtx-pro-6000-workstation"),
        ("Tesla V100-SXM2-16GB", "v100-sxm2-16gb"),
        ("AMD Instinct MI300X", "mi300x"),
        ("AMD Radeon RX 7900 XTX", "rx7900xtx"),
        ("Apple M4 Max", "apple-m4-max-128gb"),
        ("NVIDIA GH200 480GB", "gh200-96gb"),  # the memory of its CPU
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "rtx-pro-6000-max-q"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "rtx4090-laptop"),
        ("Intel(R) Arc(TM) B580 Graphics", "arc-b580"),
        ("Radeon 8060S Graphics", "strix-halo-8060s-128gb"),
        # as people type them
        ("rtx 4090", "rtx4090"),
        ("4090", "rtx4090"),
        ("H100 SXM", "h100-sxm"),
        ("a100 80gb", "a100-80gb-sxm"),
        ("rtx a6000", "rtx-a6000"),
        ("rtxpro6000", "rtx-pro-6000-server"),
        ("2080 Ti", "rtx2080ti"),
        ("MacBook Pro M4 Max 128GB", "apple-m4-max-128gb"),
        ("mac mini m4 16gb", "apple-m4-16gb"),
        ("M1 Pro 16GB", "apple-m1-pro-16gb"),
        ("Ryzen AI Max+ 395", "strix-halo-8060s-128gb"),
        ("RX 6800 XT", "rx6800xt"),
    ],
)
def test_a_name_that_is_certain_is_taken(name: str, preset: str) -> None:
    assert CATALOG.find("hardware", name).name == preset


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("rtx 3080", "did you mean 'rtx3080-10gb' or 'rtx3080-12gb' or 'rtx3080ti'?"),
        ("RTX 4060 Ti", "did you mean 'rtx4060ti-16gb' or 'rtx4060ti-8gb'?"),
        ("mi250", "did you mean 'mi250x'?"),
    ],
)
def test_a_name_that_several_have_is_not_guessed(name: str, hint: str) -> None:
    with pytest.raises(LlmcostError) as refused:
        CATALOG.find("hardware", name)
    assert refused.value.hint == hint


def test_no_two_presets_are_told_apart_by_idle_words_alone() -> None:
    for name in CATALOG.names("hardware"):
        assert CATALOG.find("hardware", name.upper().replace("-", " ")).name == name
