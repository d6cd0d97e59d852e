"""`compare`: alternatives on the same work, with a ratio to the cheapest, and where they cost the same."""

from __future__ import annotations

from llmcost.catalog import Catalog
from llmcost.estimate.compare import alternatives, answer
from llmcost.estimate.compare.alternatives import Alternative
from llmcost.estimate.compare.blocks import blocks
from llmcost.result import Estimate

__all__ = ["Alternative", "compare"]


def compare(
    bases: list[Alternative],
    catalog: Catalog,
    vary: list[str] | None = None,
    against: list[str] | None = None,
    sort: str | None = None,
) -> Estimate:
    """Alternatives side by side.

    Parameters
    ----------
    bases : list of Alternative
        Scenarios as given; each is varied.
    catalog : Catalog
        Where presets are found.
    vary : list of str
        `KEY=A,B,C`; several make a grid.
    against : list of str
        `api:PROVIDER/MODEL`, `own:` or `rent:PROVIDER[:commitment]`: other ways to do the same work.
    sort : str, optional
        The column to sort by, cheapest first without one.

    Raises
    ------
    LlmcostError
        Unknown keys or values (all at once), fewer than two alternatives, or a question none can answer.
    """
    pairs = alternatives.every(bases, vary or [], against or [])
    found = blocks(pairs, catalog)
    alternatives.refuse_unread(
        {axis.key: axis for _, axes in pairs for axis in axes}.values(), [a.scenario for a, _ in pairs]
    )
    return answer.estimate(found, catalog, sort)
