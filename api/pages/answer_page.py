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
    """Shadow prices of the relaxation that are not zero, the largest first."""
    duals = answer.certificate.lp_duals if answer.certificate is not None else {}
    found = [(name, value) for name, value in duals.items() if value]
    return sorted(found, key=lambda row: -abs(row[1]))[:MOST_PRICES]
