"""What joins accelerators, and the time of collectives: a scale-up domain inside, a bus or a network across."""

from __future__ import annotations

import numpy as np

from llmcost.engine.machine.roofline import Machine
from llmcost.engine.numeric.kinds import Num
from llmcost.records import NamedTuple

CARDS = 8.0  # of a server, of which nothing is said [-]


class Links(NamedTuple):
    """What joins accelerators: a fabric in a domain, a bus in a machine, a network between machines."""

    link: Num  # inside a domain [bytes/s]
    bus: Num  # between the domains of a machine [bytes/s]
    network: Num  # between machines, of each accelerator [bytes/s]
    domain: Num  # accelerators of a domain [-]
    box: Num  # of a machine [-]
    message_seconds: Num  # between two machines [s]
    torus: Num  # dimensions of the torus that links form [-]; nan: switches


class Group(NamedTuple):
    """Where the ranks of one collective sit: `inside` share a scale-up domain, `outside` such domains join."""

    inside: Num  # ranks of the group in one domain [-]
    outside: Num  # domains the group spans [-]


def group(ranks: Num, stride: Num, domain: Num) -> Group:
    r"""Ranks of a group inside and across domains, when neighbours in the group are `stride` accelerators apart.

    .. math:: inside = \min(n, \max(1, D / stride)),\quad outside = n / inside

    Parameters
    ----------
    ranks : float or array
        Ranks n in the group [-].
    stride : float or array
        Accelerators between neighbouring ranks [-]; 1 for the innermost kind of parallelism.
    domain : float or array
        Accelerators D in a scale-up domain [-].

    Source: definition; the innermost kind is placed inside the domain first (Narayanan et al. 2021,
    arXiv 2104.04473, section 3.2, takeaway 1).

    Examples
    --------
    64 data-parallel replicas of 4 tensor-parallel GPUs on servers of 8: two replicas share a server.

    >>> group(64, 4, 8)
    Group(inside=np.float64(2.0), outside=np.float64(32.0))
    """
    inside = np.minimum(ranks, np.maximum(1.0, np.divide(domain, stride)))
    return Group(inside, np.divide(ranks, inside))


def hops(ranks: Num, torus: Num) -> Num:
    """Neighbours that a message passes on its way through all ranks of a torus [-]; 0 where links go through switches.

    A ring in each dimension, one after another: d (n^(1/d) - 1).

    Parameters
    ----------
    ranks, torus : float or array
        Ranks n, and dimensions d of the torus they form (nan: switches) [-].

    Source: definition; Chan et al. 2007, doi:10.1002/cpe.1206, section 4.2.

    Examples
    --------
    Sixteen chips: a ring passes fifteen neighbours, a torus of 4 by 4 passes six, a switch none.

    >>> [float(hops(16.0, d)) for d in (1.0, 2.0, np.nan)]
    [15.0, 6.0, 0.0]
    """
    dimensions = np.where(np.isnan(torus), 1.0, torus)
    return np.where(np.isnan(torus), 0.0, dimensions * (np.power(ranks, 1.0 / dimensions) - 1.0))


def gather_seconds(size_bytes: Num, where: Group, link: Num, network: Num, latency: Num = 0.0) -> Num:
    r"""All-gather (or reduce-scatter) that leaves every rank with (or starts from) `size_bytes` [s].

    .. math:: t = \frac{i-1}{i}\frac{M}{link} + \frac{o-1}{o}\frac{M}{i\,network} + \alpha\log_2 n

    Inside a domain the message passes the link; across domains every rank carries its share 1/i of it.

    Parameters
    ----------
    size_bytes : float or array
        Full message M [bytes].
    where : Group
        Ranks inside i and domains o.
    link, network : float or array
        Attainable bandwidth per rank and direction [bytes/s].
    latency : float or array
        Start-up cost per doubling of ranks alpha [s].

    Source: Thakur, Rabenseifner, Gropp 2005, doi:10.1177/1094342005051521 (ring and tree costs), applied per level.

    Examples
    --------
    1 GB over 8 GPUs at 450 GB/s: 7/8 of it passes each link.

    >>> print(round(float(gather_seconds(1e9, group(8, 1, 8), 450e9, 50e9)) * 1e3, 4))
    1.9444
    """
    near = (where.inside - 1) / where.inside / link
    far = (where.outside - 1) / where.outside / (where.inside * network)
    return size_bytes * (near + far) + latency * np.log2(where.inside * where.outside)


def all_to_all_seconds(size_bytes: Num, where: Group, link: Num, network: Num, latency: Num = 0.0) -> Num:
    r"""All-to-all in which every rank sends `size_bytes`, spread evenly over all ranks [s].

    .. math:: t = \frac{i-1}{n}\frac{M}{link} + \frac{n-i}{n}\frac{M}{network} + \alpha\log_2 n

    Parameters
    ----------
    size_bytes : float or array
        What one rank sends in total, its own part included [bytes].
    where, link, network, latency
        As in `gather_seconds`.

    Source: Thakur et al. 2005, section 4.2 (pairwise exchange): (n-1)/n M / bw, applied per level.

    Examples
    --------
    >>> print(round(float(all_to_all_seconds(1e9, group(16, 1, 8), 450e9, 50e9)) * 1e3, 3))
    10.972
    """
    ranks = where.inside * where.outside
    near = (where.inside - 1) / ranks * size_bytes / link
    far = (ranks - where.inside) / ranks * size_bytes / network
    return near + far + latency * np.log2(ranks)


def joined(machine: Machine) -> tuple[Num, Num]:
    """Accelerators of a scale-up domain, and of a machine: cards and bridges sit eight to a server [-].

    Parameters
    ----------
    machine : Machine
        nan where it is not known.

    Source: definition.

    Examples
    --------
    Bridges of two cards in servers of eight, and 72 accelerators whose switches make one machine of them.

    >>> bare = Machine(*[np.nan] * 10)
    >>> [[float(n) for n in joined(bare._replace(scale_up_domain=d))] for d in (2.0, 72.0)]
    [[2.0, 8.0], [72.0, 72.0]]
    """
    fabric = np.where(np.isnan(machine.scale_up_domain), 1.0, machine.scale_up_domain)
    box = np.where(np.isnan(machine.box), np.maximum(fabric, CARDS), machine.box)
    return np.minimum(fabric, box), box


def machine_network(machine: Machine, server: Num, lone: Num) -> Num:
    """The network of a whole machine [bytes/s]: of all its accelerators; its link, where one accelerator is a machine.

    Parameters
    ----------
    machine : Machine
        nan where it is not known.
    server, lone : float or array
        Network of a server of which none is known, and of a machine that is one accelerator [bytes/s].

    Source: definition.
    """
    own, link = np.asarray(machine.network_bytes_per_second), np.asarray(machine.link_bytes_per_second)
    box = joined(machine)[1]
    usual = np.where(box == 1.0, np.where(np.isnan(link), lone, link), server)
    return np.where(np.isnan(own), usual, own * box)
