"""What a fleet through the day, owned machines, and users who pay say."""

from __future__ import annotations

from llmcost.terms.term import MEAN, SERVE, SUM, Term

TERMS = (
    Term("gpus_mean", "GPUs paid for", "count", "Accelerators paid for in the mean over the day, or the week", "GPUs", answers=(SERVE,), short={SERVE: 470}, mixes=SUM),
    Term("gpus_reserved", "GPUs committed", "count", "Accelerators of the base that is committed, paid for in every hour", "GPUs", answers=(SERVE,), asked=True, short={SERVE: 480}, mixes=SUM),
    Term("gpus_on_demand_mean", "GPUs on demand", "count", "Accelerators above the base, by the hour, mean over time", "GPUs", answers=(SERVE,), asked=True, mixes=SUM),
    Term("gpus_spot_mean", "GPUs on spot", "count", "Spot accelerators above the base, mean over time", "GPUs", answers=(SERVE,), asked=True, mixes=SUM),
    Term("reserve_share", "base", "share", "Committed accelerators over those of the busiest hour", answers=(SERVE,), asked=True, short={SERVE: 490}),
    Term("breakeven_utilization_reserved", "break-even of the base", "share", "Share of hours from which a committed accelerator is cheaper than one by the hour: ratio of their prices", symbol="c/d", answers=(SERVE,), asked=True, short={SERVE: 500}),
    Term("cold_start_share", "cold starts", "share", "Share of requests that meet a fleet that is off, or one that is starting", answers=(SERVE,), asked=True, short={SERVE: 312}, mixes=MEAN),
    Term("own_usd_per_hour", "owned", "usd_per_hour", "What an owned accelerator costs per hour in use: capital, building, electricity, upkeep, staff", also="TCO per GPU-hour", short={SERVE: 240}),
    Term("breakeven_utilization_on_demand", "beats on-demand from", "share", "Share of hours in use from which owning costs less than renting those hours on demand; null where it never does", symbol="u*", short={SERVE: 250}),
    Term("breakeven_utilization_1_year", "beats 1-year from", "share", "Share of hours in use from which owning costs less than those hours at the 1-year rate; null where it never does", symbol="u*", short={SERVE: 260}),
    Term("breakeven_utilization_3_year", "beats 3-year from", "share", "Share of hours in use from which owning costs less than those hours at the 3-year rate; null where it never does", symbol="u*", short={SERVE: 270}),
    Term("wh_per_1000_tokens", "energy per 1,000 tokens", "count", "Electricity of 1,000 tokens, input and output, at the meter", "Wh", answers=(SERVE,), short={SERVE: 570}, mixes=MEAN),
    Term("water_litres_per_request", "water per request", "count", "Water used on site for a request, where the region states it", "litres", answers=(SERVE,), asked=True, short={SERVE: 580}, mixes=MEAN),
    Term("hour", "hour", "count", "Hour of the day, or of the week from Monday on", ""),
    Term("requests_per_second", "traffic in the hour", "count", "Requests per second in this hour", "requests/s"),
    Term("even_power_watts", "even power", "watts", "The same energy drawn evenly, as a training run draws it"),
    Term("top_1_percent_share", "top 1 % of users", "share", "Share of all requests that the most active hundredth of the users makes", short={SERVE: 210}),
    Term("mean_requests_per_user_month", "mean user", "count", "Requests that a user wants to make a month, mean", "requests/month", short={SERVE: 230}),
    Term("median_requests_per_user_month", "median user", "count", "Requests that half of the users stay under in a month", "requests/month", short={SERVE: 220}),
    Term("served_requests_per_user_month", "served per user", "count", "Requests of a user under the cap, mean", "requests/month"),
    Term("revenue_usd_per_user_month", "paid per user", "usd", "What a user pays", "USD/month", also="ARPU", short={SERVE: 140}),
    Term("cost_usd_per_user_month", "cost per user", "usd", "What a user's requests cost", "USD/month", short={SERVE: 150}),
    Term("margin_usd_per_user_month", "margin per user", "usd", "What a user pays less what the user's requests cost", "USD/month", short={SERVE: 130}),
    Term("margin_usd_per_month", "margin", "usd", "Margin of all users", "USD/month", short={SERVE: 160}),
    Term("loss_making_share", "loss-making users", "share", "Share of users who cost more than they pay", short={SERVE: 170}),
    Term("breakeven_subscription_usd", "break-even subscription", "usd", "Subscription a month at which all users together cost what they pay", short={SERVE: 180}),
    Term("lossless_cap_requests_per_month", "no user loses under", "count", "Requests a month that a subscription pays for: nobody loses under this cap; null where a request pays for itself", "requests/month"),
    Term("breakeven_cap_requests_per_month", "break-even cap", "count", "Cap under which all users together cost what they pay; null where none is needed", "requests/month", short={SERVE: 190}),
    Term("breakeven_overage_usd_per_request", "break-even overage", "usd_per_request", "Price of a request beyond the included ones at which all users together cost what they pay; zero where none is needed", short={SERVE: 200}),
    Term("sampled_requests_per_user_month", "mean drawn", "count", "Requests of a user, mean over users drawn one by one", "requests/month"),
    Term("sampled_top_1_percent_share", "top 1 % drawn", "share", "Share of the most active hundredth among users drawn one by one"),
    Term("sampled_margin_usd_per_user_month", "margin drawn", "usd", "Margin of a user, mean over users drawn one by one", "USD/month"),
    Term("quantile", "users below", "share", "Share of users below this one"),
    Term("requests_per_month", "requests a month", "count", "Requests of this user a month", "requests"),
    Term("share_above", "use of those above", "share", "Share of all requests that the users above this one make"),
)  # fmt: skip
