"""How accelerators stand together: on a bus, in machines, and on the network between machines."""

from __future__ import annotations

import numpy as np
from msgspec import structs

from llmcost import units
from llmcost.engine.machine.collectives import joined, machine_network
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.numeric.kinds import Num
from llmcost.engine.numeric.spread import Spread, median
from llmcost.engine.serving.inputs import Calibration, Layout
from llmcost.estimate.asking.ledger import Number, Origin, as_number
from llmcost.estimate.asking.question import Factor, Question
from llmcost.estimate.asking.subject import Chip, machine_of
from llmcost.estimate.asking.values import ServingNumbers

RANKS = ("tp", "pp", "dp", "ep")
KEYS = ("network_bandwidth", "network_latency")
UNSTATED = "the network between machines is not stated"
SAID = "--network-bandwidth 100Gbit/s, and --network-latency"
SLOW = 0.5  # of the network that the maker builds: what is said to be less is not that one, and has no RDMA


def side_by_side(question: Question, device: Chip) -> Chip:
    """The accelerator with what is said of those beside it.

    How many a machine has, and whether cards on one bus read one another's memory: where links join them, or each is a
    machine of its own, that is left unread, and refused.
    """
    preset = device.preset
    if preset.system_watts is None:
        size = question.stated("machine_gpus")
        preset = preset if size is None else structs.replace(preset, machine_gpus=size)
    if not (preset.scale_up_domain or 1) > 1:
        reads = question.stated("peer_access")
        preset = preset if reads is None else structs.replace(preset, peer_access=reads == "yes")
    return device if preset is device.preset else device._replace(preset=preset, machine=machine_of(preset))


def networked(question: Question, device: Chip, layouts: Layout, known: Calibration) -> Chip:
    """The accelerator with the network of its machine, where a layout spans several or pools stand apart.

    Elsewhere what is said of the network is left unread, and refused. Layouts are chosen by the median of a range.
    """
    box = float(joined(device.machine)[1])
    if not _apart(question) and np.max(_size(layouts), initial=0.0) <= box:
        return device
    usual = machine_network(device.machine, known.network_bytes, known.lone_network_bytes)
    said = question.quantity("network_bandwidth")
    whole = float(usual) if said is None else median(said)
    machine = device.machine._replace(network_bytes_per_second=whole / box)
    latency = median(_latency(question, device, whole).value)
    return device._replace(machine=machine._replace(message_seconds=latency))


def keep(question: Question, device: Chip, layout: Layout) -> None:
    """Keep the network of a layout that spans machines, or of pools apart, among the numbers.

    Where nobody says which it is, what it may be is in the range of a layout that was said. One that was not is chosen
    for the network that is taken: on a slower one another would be.
    """
    machine = device.machine
    spans = float(_size(layout)) > float(joined(machine)[1])
    stated = [key for key in KEYS if question.scenario.peek(key, question.side) is not None]
    if not spans and not (stated and _apart(question)):
        return
    whole = float(machine.network_bytes_per_second) * float(joined(machine)[1])
    latency, usual = _latency(question, device, whole), question.factor("serving", "network_bytes")
    made = device.preset.network_bytes_per_second is not None
    unknown = spans and "network_bandwidth" not in stated
    chosen = not spans or not any(question.scenario.peek(key, question.side) is not None for key in RANKS)
    bandwidth: Number = whole
    told = "and the layout chosen for it"
    if chosen:
        latency = latency._replace(value=median(latency.value))
    elif unknown:
        assert isinstance(usual.value, Spread)
        least, most = min(usual.value.p5, whole), whole if made else max(usual.value.p95, whole)
        bandwidth, told = (
            Spread(least, whole, most),
            f"down to {units.format('bytes_per_second', least)} is in the range",
        )
    question.number("network_latency", latency)
    question.number("network_bandwidth", Factor(bandwidth, usual.origin))
    if unknown:
        named = "as its maker builds it" if made else "as servers without one of their own have"
        taken = f"{units.format('bytes_per_second', whole)} a machine is taken, {named}"
        question.warn("W088", f"{UNSTATED}: {taken}{', ' if chosen else '; '}{told}", SAID)


def at(machine: Machine, p: ServingNumbers) -> Machine:
    """The machine on the network of the numbers `p`; as it is where its replica needs none."""
    if "network_bandwidth" not in p:
        return machine
    own = p["network_bandwidth"] / joined(machine)[1]
    return machine._replace(network_bytes_per_second=own, message_seconds=p["network_latency"])


def _latency(question: Question, device: Chip, whole: float) -> Factor:
    """A message on a network of so much a machine, where nobody says: by RDMA on the maker's, over Ethernet else."""
    said = question.scenario.peek("network_latency", question.side)
    if said is not None:
        return Factor(as_number(said.value, "seconds"), Origin(said.origin))
    own = device.preset.network_bytes_per_second
    made = None if own is None else float(own) * float(joined(device.machine)[1])
    quick, slow = question.factor("serving", "message_seconds"), question.factor("defaults", "network_latency")
    assert isinstance(slow.value, Spread)
    usual = quick if made is not None and whole >= SLOW * made else slow
    return Factor(Spread(median(quick.value), median(usual.value), slow.value.p95), usual.origin)


def _apart(question: Question) -> bool:
    """Whether prompts run on other machines than answers, and caches are handed over."""
    pools = question.scenario.peek("pools", question.side)
    return pools is not None and pools.value == "disaggregated"


def _size(layout: Layout) -> Num:
    return layout.tp * layout.pp * layout.dp
