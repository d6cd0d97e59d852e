"""Budgets: limits and baselines to verdicts. Files, scenarios and clocks are read elsewhere."""
