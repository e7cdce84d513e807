"""The page of an answer: its plans as a chart and in the order asked, and what stands beside them."""

from dataclasses import dataclass

from fastapi import Response

from api.pages.pictures import curve
from api.pages.plan_charts import pareto_charts
from api.pages.plan_view import plan_view
from api.pages.plotly_script import plotly_path
from api.pages.rendering import page
from api.render.summary import dropped_line, headline, search_line
from api.render.verdict import MEANINGS
from db.records import Job
from models.plan import RankedPlans
from planner.views import RULES, VIEWS, View, ordered

TABS: dict[View, str] = {
    "ranked": "Ranked",
    "cheapest": "Cheapest",
    "fastest": "Fastest first token",
    "goodput": "Highest goodput",
    "fewest": "Fewest devices",
    "simplest": "Simplest",
}
MOST_PRICES = 10
PRICED = {"pool": "device of pool", "limit": "unit of the cap on", "link": "B/s of the link"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One order of the plans."""

    view: View
    words: str
    current: bool


def answer_page(job: Job, answer: RankedPlans, asked: View) -> Response:
    """The answer of a job, its plans in the order asked."""
    statuses = {verdict.status for plan in answer.plans for verdict in plan.slo.values()}
    charts = pareto_charts(answer)
    return page(
        "answer.html",
        job=job,
        answer=answer,
        views=[plan_view(plan, answer) for plan in ordered(answer.plans, asked)],
        tabs=[Tab(view=view, words=TABS[view], current=view == asked) for view in VIEWS],
        rule=RULES[asked],
        charts=charts,
        plotly=plotly_path() if charts else "",
        curve=curve(answer),
        prices=prices(answer),
        headline=headline(answer),
        searched=search_line(answer),
        dropped=dropped_line(answer),
        meanings=[words for status, words in MEANINGS.items() if status in statuses],
    )


def prices(answer: RankedPlans) -> list[tuple[str, float]]:
    """Shadow prices of what a cluster has and may spend, the largest first; the rest is in the JSON.

    Rows that only balance one role against another say nothing by themselves; demand has a price where it
    is served as it is, not where its largest multiple is sought.
    """
    duals = answer.certificate.lp_duals if answer.certificate is not None else {}
    told = {**PRICED, **({"demand": "request/s of"} if answer.objective.sense == "min" else {})}
    found = []
    for name, value in duals.items():
        family, _, rest = name.partition(":")
        if value and family in told:
            found.append((f"{told[family]} {rest}", value))
    return sorted(found, key=lambda row: -abs(row[1]))[:MOST_PRICES]
