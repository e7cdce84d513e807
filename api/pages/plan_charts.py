"""Charts of an answer and of a plan: what stands in them; the figures come from the planner."""

from api.pages.axis import Axis, around
from api.pages.scatter import Dot, Scatter, Trace
from api.render.quantities import amount, count, duration, scaled
from models.plan import RankedPlans
from planner.plan_points import PlanPoint, plan_points, slowest_user_tokens_per_s
from planner.roofline_view import PlanRoofline, RooflinePoint
from planner.roofs import Roof

KINDS = ("aggregated", "disaggregated", "colocated", "mixed")
BOUNDS: tuple[Roof, ...] = ("compute", "memory", "launch")
SMALLEST, LARGEST = 6.0, 13.0


def pareto_charts(answer: RankedPlans) -> list[tuple[str, Scatter]]:
    """One chart for every deployment: speed of a user against yield of a device, a point for every plan."""
    points, limits = plan_points(answer), slowest_user_tokens_per_s(answer)
    return [
        (name, _pareto(name, i, [p for p in points if p.deployment == name], limits.get(name)))
        for i, name in enumerate(dict.fromkeys(p.deployment for p in points))
    ]


def _pareto(name: str, number: int, points: list[PlanPoint], wanted: float | None) -> Scatter:
    best = sorted((p for p in points if p.is_best), key=lambda p: p.user_tokens_per_s)
    xs, most = [p.user_tokens_per_s for p in points], max(p.devices for p in points)
    return Scatter(
        name=f"pareto-{number}",
        x=around("tokens/s of one user (1 / mean TPOT)", xs if wanted is None else [*xs, wanted]),
        y=around("tokens/s per device", [p.device_tokens_per_s for p in points], from_zero=True),
        dots=tuple(_plan_dot(alike, most) for alike in _together(points)),
        traces=(Trace(name="not beaten in both", xs=tuple(p.user_tokens_per_s for p in best),
                      ys=tuple(p.device_tokens_per_s for p in best)),) if len(_together(best)) > 1 else (),
        known=KINDS,
        wanted_from=wanted, wanted_words="within the TPOT limit",
    )  # fmt: skip


def _together(points: list[PlanPoint]) -> list[list[PlanPoint]]:
    """Plans that a chart cannot tell apart share a mark; large marks first, so that none hides another."""
    alike: dict[tuple[str, str, str], list[PlanPoint]] = {}
    for p in points:
        spot = (p.kind, f"{p.user_tokens_per_s:.3g}", f"{p.device_tokens_per_s:.3g}")
        alike.setdefault(spot, []).append(p)
    return sorted(alike.values(), key=lambda group: -group[0].devices)


def _plan_dot(alike: list[PlanPoint], most: int) -> Dot:
    first = alike[0]
    return Dot(
        x=first.user_tokens_per_s, y=first.device_tokens_per_s, series=first.kind,
        label=f"{first.rank}{'+' if len(alike) > 1 else ''}", link=f"#plan-{first.rank}",
        words="; ".join(map(_point_words, alike)),
        size=SMALLEST + (LARGEST - SMALLEST) * (first.devices / most) ** 0.5,
    )  # fmt: skip


def _point_words(p: PlanPoint) -> str:
    return (
        f"plan {p.rank}, {p.kind}, {count(p.devices)} devices: {amount(p.user_tokens_per_s)} tokens/s per "
        f"user, {amount(p.device_tokens_per_s)} tokens/s per device"
    )


def roofline_chart(found: PlanRoofline) -> Scatter | None:
    """Operators with products, on logarithmic axes under the roofs of their formats."""
    shown = [p for p in found.operators if p.flop > 0 and p.flop_per_byte]
    if not shown:
        return None
    xs = [p.flop_per_byte or 0.0 for p in shown]
    formats = list(dict.fromkeys(p.peak_format for p in shown))
    peaks = {name: found.peak_flop_per_s[name] for name in formats}
    ridges = [peak / found.memory_bytes_per_s for peak in peaks.values()]
    x = around("arithmetic intensity [FLOP/byte]", [*xs, *ridges], log=True)
    y = around("FLOP/s reached", [*(p.flop_per_s for p in shown), *peaks.values()], log=True)
    longest = max(p.calls * p.time_s for p in shown)
    return Scatter(
        name=f"roofline-{found.group}", x=x, y=y,
        dots=tuple(_operator(p, longest) for p in sorted(shown, key=lambda p: -p.calls * p.time_s)),
        traces=tuple(_roof(name, peak, found.memory_bytes_per_s, x, y) for name, peak in peaks.items()),
        known=BOUNDS,
    )  # fmt: skip


def _operator(p: RooflinePoint, longest: float) -> Dot:
    share = (p.calls * p.time_s / longest) ** 0.5
    return Dot(
        x=p.flop_per_byte or 0.0, y=p.flop_per_s, series=p.bound, label=p.name.replace("_", " "),
        words=f"{p.name.replace('_', ' ')}: {amount(p.flop_per_byte)} FLOP per byte, "
        f"{scaled(p.flop_per_s, 'FLOP/s')}, {duration(p.calls * p.time_s)} a step",
        size=4.0 + 8.0 * share,
    )  # fmt: skip


def _roof(name: str, peak: float, bytes_per_s: float, x: Axis, y: Axis) -> Trace:
    """Bandwidth up to the ridge, then the peak; cut off at the lower edge of the chart."""
    ridge = peak / bytes_per_s
    start = max(x.low, y.low / bytes_per_s)
    return Trace(
        name=f"{name}: {scaled(peak, 'FLOP/s')}, memory {scaled(bytes_per_s, 'B/s')}",
        xs=(start, ridge, x.high), ys=(start * bytes_per_s, peak, peak),
    )  # fmt: skip
