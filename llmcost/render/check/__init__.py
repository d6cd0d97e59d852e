"""A check of budgets: words of its verdicts, their table, and the report for a pull request."""
