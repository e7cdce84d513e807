"""Answers of real scenarios: accepted as they are, rejected with any part of them changed."""

import copy
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solvers.verification.reading import Unreadable
from solvers.verification.report import Report
from solvers.verification.verify import CHECKS, verify
from tests.verification.certificates import SCENES, Document, scene, state_bound
from tests.verification.test_branching_tree import numbers_in, put

Change = Callable[[Document, Document], None]


def failed(report: Report) -> set[str]:
    """Names of the checks that found a fault."""
    return {check.name for check in report.checks if not check.passed}


@pytest.mark.parametrize("name", SCENES)
def test_answers_of_the_planner_are_accepted(name: str) -> None:
    answer, certificate = scene(name)
    report = verify(answer, certificate)
    assert report.failures() == []
    assert report.status == "accepted"
    assert report.plans == len(answer["plans"]) > 1
    assert report.proven_bound is not None
    # no tolerance: the proven bound is at least as tight as the stated one
    sign = 1 if report.sense == "max" else -1
    assert sign * report.proven_bound <= sign * answer["bound"]
    assert [check.name for check in report.checks] == [check.__name__ for check in CHECKS]


def test_scenes_need_trees_and_several_kinds_of_columns() -> None:
    """The scenes would prove little if their relaxations were tight."""
    reports = {name: verify(*scene(name)) for name in SCENES}
    assert {report.proven_by for report in reports.values()} == {"lp", "tree"}
    assert max(report.leaves for report in reports.values()) > 100
    _, certificate = scene("three pools")
    assert len({what["role"] for what in certificate["groups"].values()}) == 3
    assert len({what["pool"] for what in certificate["groups"].values()}) == 3


def test_without_a_tree_only_the_relaxation_is_proven() -> None:
    answer, certificate = scene("three pools")
    certificate["tree"] = None
    report = verify(answer, certificate)
    assert report.status == "partial"
    assert report.note == "only lp_bound is proven: the certificate holds no tree"
    assert report.proven_bound == pytest.approx(certificate["lp"]["bound"], rel=1e-9)
    report = verify(answer, {**certificate, "max_leaves": 2000})
    assert report.note == "only lp_bound is proven: the tree was left out above 2,000 leaves"
    state_bound(answer, certificate["lp"]["bound"])
    certificate["bound"] = certificate["lp"]["bound"]
    assert verify(answer, certificate).status == "accepted"


def test_without_a_tree_a_bound_below_the_plan_is_rejected() -> None:
    answer, certificate = scene("three pools")
    certificate["tree"] = None
    certificate["bound"] = 0.9 * answer["bound"]
    state_bound(answer, certificate["bound"])
    assert "bound" in failed(verify(answer, certificate))


def test_a_looser_bound_is_as_true_as_it_says() -> None:
    answer, certificate = scene("three pools")
    certificate["bound"] = 1.5 * answer["bound"]
    state_bound(answer, certificate["bound"])
    assert answer["status"] == "feasible"
    assert verify(answer, certificate).status == "accepted"


def test_a_tighter_bound_is_rejected_by_its_last_bit() -> None:
    answer, certificate = scene("three pools")
    report = verify(answer, certificate)
    assert report.proven_bound is not None
    tighter = math.nextafter(report.proven_bound, 0.0)
    certificate["bound"] = tighter
    state_bound(answer, tighter)
    assert failed(verify(answer, certificate)) == {"bound"}
    certificate["tree"]["bound"] = tighter
    assert failed(verify(answer, certificate)) == {"bound", "tree"}


def test_an_infeasible_answer_is_proven_by_a_tree_of_empty_leaves() -> None:
    answer, certificate = scene("goodput")
    program = certificate["program"]
    answer.update(status="infeasible", plans=[], bound=None, gap=None, certificate=None)
    certificate.update(plans=[], bound=None, groups={})
    program["columns"]["name"] = [f"f[{j}]" for j in range(len(program["columns"]["name"]))]
    # the pool needs more devices than all columns can hold
    pool = program["rows"]["name"].index("inventory[0]")
    program["rows"]["lower"][pool], program["rows"]["upper"][pool] = 1e6, None
    from solvers.verification.program_arrays import read_program
    from solvers.verification.reading import Field

    certificate["program_sha256"] = read_program(Field(program)).sha256()
    certificate["lp"] = {"bound": None, "multipliers": []}
    leaf = {"kind": "infeasible", "multipliers": [[pool, 1.0]]}
    certificate["tree"] = {"bound": None, "nodes": [{"leaf": 0}], "leaves": [leaf]}
    assert verify(answer, certificate).failures() == []
    assert verify(answer, certificate).status == "accepted"
    leaf["multipliers"] = []
    assert failed(verify(answer, certificate)) == {"tree"}
    certificate["tree"] = None
    report = verify(answer, certificate)
    assert report.status == "partial"
    assert "not proven" in report.note


def test_the_scale_up_domain_is_that_of_the_pool_else_of_the_device_else_the_node() -> None:
    answer, certificate = scene("devices")
    first = answer["plans"][0]
    widest = max(range(len(first["groups"])), key=lambda i: first["groups"][i]["parallelism"]["tp"])
    moved = [p for p in first["placement"] if p["group"] == widest][0]["devices"]
    taken = {tuple(d) for p in first["placement"] for d in p["devices"]}
    if len(moved) < 2:
        first["groups"][widest]["parallelism"]["tp"] = 2
        moved.append(moved[0])
    moved[0], moved[1] = ["h100", 90, 3], ["h100", 91, 0]
    assert ("h100", 90, 3) not in taken
    assert "domains" in failed(verify(answer, certificate))
    assert "domains" not in failed(verify(answer, certificate, domains={"h100-sxm": 400}))
    assert "domains" in failed(verify(answer, certificate, domains={"h200-sxm": 400}))
    answer["scenario"]["cluster"]["pools"][0]["scale_up_domain"] = 400
    assert "domains" not in failed(verify(answer, certificate))
    answer["scenario"]["cluster"]["pools"][0]["scale_up_domain"] = 4
    assert "domains" in failed(verify(answer, certificate, domains={"h100-sxm": 400}))


def plan(at: int, **values: Any) -> Change:
    """Replace fields of a plan of the answer."""
    return lambda answer, certificate: answer["plans"][at].update(values)


def group(at: int, word: str, value: Any) -> Change:
    """Replace a field of the first group of a plan of the answer."""
    return lambda answer, certificate: answer["plans"][at]["groups"][0].update({word: value})


def of(path: str, change: Callable[[Any], Any]) -> Change:
    """Change one value; the path begins with answer or certificate."""

    def apply(answer: Document, certificate: Document) -> None:
        document: Any = {"answer": answer, "certificate": certificate}
        *keys, last = path.split("/")
        for key in keys:
            document = document[int(key) if isinstance(document, list) else key]
        place: Any = int(last) if isinstance(document, list) else last
        document[place] = change(document[place])

    return apply


def both(*changes: Change) -> Change:
    """Several changes at once."""

    def apply(answer: Document, certificate: Document) -> None:
        for change in changes:
            change(answer, certificate)

    return apply


def hidden_replica(answer: Document, certificate: Document) -> None:
    """A replica in the point that no group tells."""
    point = certificate["plans"][0]
    unused = next(int(c) for c in certificate["groups"] if int(c) not in dict(point["point"]))
    point["point"].append([unused, 1.0])


def unnamed_replica(answer: Document, certificate: Document) -> None:
    """The same, with its column no longer called a count of replicas."""
    hidden_replica(answer, certificate)
    del certificate["groups"][str(certificate["plans"][0]["point"][-1][0])]


def twice_the_device(answer: Document, certificate: Document) -> None:
    placed = answer["plans"][0]["placement"]
    placed[0]["devices"][0] = copy.copy(placed[1]["devices"][0])


def swapped_rows(answer: Document, certificate: Document) -> None:
    """Two multipliers change rows, their values stay."""
    one, other = certificate["lp"]["multipliers"][:2]
    one[0], other[0] = other[0], one[0]


def scaled(factor: float) -> Callable[[Any], Any]:
    return lambda value: value * factor


TAMPERED: dict[str, tuple[Change, str]] = {
    "replicas": (of("answer/plans/0/groups/0/replicas", lambda n: n + 1), "replicas"),
    "no replicas": (group(0, "replicas", 0), "replicas"),
    "a role": (group(0, "role", "decode"), "groups"),
    "a deployment": (group(0, "deployment", "other"), "groups"),
    "a pool": (group(0, "pool", "other"), "groups"),
    "a degree": (of("answer/plans/0/groups/0/parallelism/tp", lambda n: n + 1), "groups"),
    "an inner degree": (of("answer/plans/0/groups/0/parallelism/dcp", lambda n: n + 1), "groups"),
    "a format": (of("answer/plans/0/groups/0/precision/kv", lambda _: "int4"), "groups"),
    "a group lost": (of("answer/plans/0/groups", lambda g: g[1:]), "groups"),
    "a hidden replica": (hidden_replica, "replicas"),
    "an unnamed replica": (unnamed_replica, "descriptors"),
    "a plan of another name": (plan(0, id="plan-0"), "plans_listed"),
    "a plan twice": (of("answer/plans", lambda p: [p[0], *p]), "plans_listed"),
    "half a replica": (of("certificate/plans/0/point/0/1", scaled(0.5)), "replicas"),
    "an objective": (of("answer/plans/0/objective_value", scaled(1 + 1e-6)), "objective"),
    "an objective in the certificate": (
        of("certificate/plans/0/objective", scaled(1 + 1e-6)),
        "objective",
    ),
    "goodput that is not predicted": (
        of("answer/plans/0/predicted/chat/request_per_s", scaled(0.99)),
        "objective_restated",
    ),
    "a better bound": (of("answer/bound", scaled(0.999)), "bound"),
    "a worse bound": (of("answer/bound", scaled(1.001)), "bound"),
    "a better bound in the certificate": (of("certificate/bound", scaled(0.999)), "bound"),
    "a worse bound in the certificate": (of("certificate/bound", scaled(1.001)), "bound"),
    "a gap": (of("answer/gap", lambda g: g + 1e-6), "gap"),
    "a gap of a plan": (of("answer/plans/1/gap", lambda g: g + 1e-6), "gap"),
    "a status": (of("answer/status", lambda _: "infeasible"), "status"),
    "a made-up status": (of("answer/status", lambda _: "certain"), "status"),
    "an order": (of("answer/plans", lambda p: p[::-1]), "order"),
    "a rank": (plan(0, rank=2), "order"),
    "a sense": (of("answer/objective/sense", lambda _: "min"), "sense"),
    "an lp bound": (of("answer/certificate/lp_bound", scaled(0.99)), "lp_bound"),
    "an lp bound in both": (
        both(of("answer/certificate/lp_bound", scaled(0.99)), of("certificate/lp/bound", scaled(0.99))),
        "lp_bound",
    ),
    "an lp multiplier": (of("certificate/lp/multipliers/0/1", scaled(1.01)), "lp_duals"),
    "an lp multiplier of another row": (swapped_rows, "lp_bound"),
    "an lp dual": (of("answer/certificate/lp_duals/pool:h100", scaled(1.01)), "lp_duals"),
    "an lp dual lost": (of("answer/certificate/lp_duals", lambda _: {}), "lp_duals"),
    "a method": (
        both(
            of("answer/certificate/method", lambda _: "lp-dual"),
            of("answer/certificate/lp_bound", scaled(2.0)),
            of("certificate/lp/bound", scaled(2.0)),
        ),
        "method",
    ),
    "a cost": (of("certificate/program/columns/objective/0", lambda c: c + 1.0), "program_hash"),
    "a use": (of("certificate/program/rows/value/0", scaled(0.5)), "program_hash"),
    "a column bound": (of("certificate/program/columns/upper/0", lambda n: n + 1.0), "program_hash"),
    "a row limit": (of("certificate/program/rows/upper/0", lambda n: n + 1.0), "program_hash"),
    "a program hash": (of("certificate/program_sha256", lambda h: h[::-1]), "program_hash"),
    "a program hash in the answer": (
        of("answer/certificate/program_sha256", lambda h: h[::-1]),
        "program_hash",
    ),
    "plans without a certificate": (of("answer/certificate", lambda _: None), "program_hash"),
    "a scenario": (of("answer/scenario/deployments/0/slo/ttft_s/limit_s", scaled(2)), "scenario_hash"),
    "a scenario hash": (of("answer/scenario_sha256", lambda h: h[::-1]), "scenario_hash"),
    "a scenario hash in the certificate": (
        of("certificate/scenario_sha256", lambda h: h[::-1]),
        "scenario_hash",
    ),
    "a smaller pool": (of("answer/scenario/cluster/pools/0/nodes", lambda _: 0), "devices"),
    "a limit": (of("answer/scenario/limits/devices", lambda _: 1), "limits"),
    "a limit of money": (of("answer/scenario/limits/usd_per_hour", lambda _: 1.0), "limits"),
    "devices used": (plan(0, devices_used=1), "devices"),
    "devices idle": (plan(0, devices_idle=1), "devices"),
    "a replica that is not placed": (of("answer/plans/0/placement", lambda p: p[1:]), "placed_replicas"),
    "a replica placed twice": (of("answer/plans/0/placement", lambda p: [*p, p[0]]), "placed_replicas"),
    "a device twice": (twice_the_device, "devices_exist"),
    "a device that is not there": (
        of("answer/plans/0/placement/0/devices/0/2", lambda d: d + 400),
        "devices_exist",
    ),
    "a node that is not there": (
        of("answer/plans/0/placement/0/devices/0/1", lambda d: d + 4),
        "devices_exist",
    ),
    "a device of another pool": (
        of("answer/plans/0/placement/0/devices/0/0", lambda _: "small"),
        "placed_replicas",
    ),
    "a replica on fewer devices": (
        of("answer/plans/0/placement/0/devices", lambda d: d[1:]),
        "placed_replicas",
    ),
    "a share of traffic": (of("answer/plans/0/groups/0/traffic_share", scaled(0.99)), "traffic_shares"),
    "memory": (of("answer/plans/0/groups/0/memory_bytes/weights", scaled(0.9)), "memory"),
    "negative memory": (
        both(
            of("answer/plans/0/groups/0/memory_bytes/weights", lambda b: b + 2e11),
            of("answer/plans/0/groups/0/memory_bytes/free", lambda b: b - 2e11),
        ),
        "memory",
    ),
    "a descriptor": (of("certificate/groups/0/devices", lambda n: n + 1), "descriptors"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_is_told_by_the_check_it_concerns(name: str) -> None:
    change, check = TAMPERED[name]
    answer, certificate = scene("three pools")
    change(answer, certificate)
    report = verify(answer, certificate)
    assert report.status == "rejected"
    assert check in failed(report), report.failures()
    assert all(": claimed " in line and ", found " in line for line in report.failures())


def test_every_check_is_seen_to_fail() -> None:
    """What the table above misses is failed elsewhere, by name."""
    elsewhere = {
        "tree",  # test_branching_tree
        "domains", "periods", "money", "integrality", "column_bounds", "rows",  # here
    }  # fmt: skip
    assert {check for _, check in TAMPERED.values()} | elsewhere == {check.__name__ for check in CHECKS}


PERIODS: dict[str, tuple[Change, str]] = {
    "replicas in a period": (of("answer/plans/0/periods/0/replicas/0", lambda n: n - 1), "replicas"),
    "the most replicas": (of("answer/plans/0/groups/0/replicas", lambda n: n + 1), "replicas"),
    "starts": (of("answer/plans/0/periods/0/starts/0", lambda n: n + 1), "periods"),
    "devices of a period": (of("answer/plans/0/periods/2/devices_used", lambda n: n + 1), "periods"),
    "devices at one time": (of("answer/plans/0/devices_used", lambda n: n - 1), "devices"),
    "periods lost": (of("answer/plans/0/periods", lambda _: []), "groups"),
    "columns of two periods changed": (of("certificate/plans/0/groups/0", lambda c: c[::-1]), "replicas"),
    "a replica that is not placed": (of("answer/plans/0/placement", lambda p: p[1:]), "placed_replicas"),
    "a pool too small": (of("answer/scenario/cluster/pools/0/nodes", lambda _: 1), "devices"),
    "a power level": (of("answer/plans/0/groups/0/power_level", lambda _: "low"), "groups"),
}


@pytest.mark.parametrize("name", PERIODS)
def test_tampering_with_a_day_is_told(name: str) -> None:
    change, check = PERIODS[name]
    answer, certificate = scene("day")
    change(answer, certificate)
    report = verify(answer, certificate)
    assert check in failed(report), report.failures()


def test_a_day_may_be_placed_for_its_fullest_period() -> None:
    """Two groups that take turns: the placement of the fuller one is enough, that of the other is not."""
    answer, certificate = scene("day")
    best = answer["plans"][0]
    most = best["groups"][0]["replicas"]
    other = {**copy.deepcopy(best["groups"][0]), "replicas": 1}
    size = best["periods"][0]["devices_used"] // most
    best["groups"] = [best["groups"][0], other]
    best["placement"] = [placed for placed in best["placement"] if placed["group"] == 0]
    for period, counts in zip(best["periods"], ([most, 0], [0, 1], [0, 1]), strict=True):
        fuller = counts[0] > 0
        period.update(replicas=counts, starts=[0, 0], devices_used=sum(counts) * size + fuller)
    assert "placed_replicas" not in failed(verify(answer, certificate))
    best["placement"] = [{**best["placement"][0], "group": 1, "replica": 0}]
    assert "placed_replicas" in failed(verify(answer, certificate))


def test_money_is_recomputed_where_every_price_is_given() -> None:
    answer, certificate = scene("cost")
    answer["plans"][0]["cost"]["usd_per_hour"] *= 1.001
    assert failed(verify(answer, certificate)) == {"money", "objective_restated"}


def test_points_must_be_whole_within_bounds_and_rows() -> None:
    answer, certificate = scene("three pools")
    program, point = certificate["program"], certificate["plans"][0]
    replicas = point["groups"][0]
    at = [column for column, _ in point["point"]].index(replicas)
    for value, check in (
        (0.5, "integrality"),
        (-1.0, "column_bounds"),
        (1e3, "column_bounds"),
        (1e3, "rows"),
    ):
        point["point"][at][1] = value
        assert check in failed(verify(answer, certificate)), check
    flow = program["columns"]["name"].index("f[0]")
    _, fresh = scene("three pools")
    values = dict(fresh["plans"][0]["point"])
    values[flow] = values.get(flow, 0.0) + 1e-6 * (1 + values.get(flow, 0.0))
    fresh["plans"][0]["point"] = [[c, v] for c, v in values.items()]
    assert failed(verify(answer, fresh)) == {"rows"}


def test_unknown_fields_are_passed_over() -> None:
    answer, certificate = scene("goodput")
    for document in (answer, certificate, answer["plans"][0], certificate["lp"], certificate["plans"][0]):
        document["later"] = {"any": ["thing"]}
    assert verify(answer, certificate).status == "accepted"


UNREADABLE: dict[str, tuple[Change, str]] = {
    "another schema": (of("answer/schema", lambda _: "shardwright.plans/9"), "/schema"),
    "another certificate": (of("certificate/schema", lambda _: "x"), "/schema"),
    "several certificates": (lambda a, c: c.update(frontier=[]), "/frontier"),
    "no bound": (lambda a, c: c.pop("bound"), "/bound"),
    "no plans": (lambda a, c: a.pop("plans"), "/plans"),
    "text for a number": (of("answer/plans/0/objective_value", str), "/plans/0/objective_value"),
    "true for a number": (of("answer/plans/0/rank", lambda _: True), "/plans/0/rank"),
    "a fraction of a node": (of("certificate/tree/nodes/0/column", lambda _: 0.5), "/tree/nodes/0/column"),
    "a row that is not there": (of("certificate/lp/multipliers/0/0", lambda _: 10**6), "/lp/multipliers/0/0"),
    "a row twice": (of("certificate/lp/multipliers", lambda m: [m[0], m[0]]), "/lp/multipliers"),
    "lists of two lengths": (of("certificate/program/rows/value", lambda v: v[1:]), "/program/rows/value"),
    "rows that run back": (of("certificate/program/rows/start/1", lambda _: -1), "/program/rows/start"),
    "a column that is not there": (of("certificate/groups", lambda g: {"x": g["0"]}), "/groups/x"),
    "a number beyond doubles": (of("certificate/bound", lambda _: 10**400), "/bound"),
    "a whole number between doubles": (of("certificate/bound", lambda _: 2**53 + 1), "/bound"),
    "a sense of its own": (of("certificate/program/sense", lambda _: "most"), "/program/sense"),
    "a point twice": (of("certificate/plans", lambda p: [p[0], p[0]]), "/plans/1/id"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_names_the_field(name: str) -> None:
    change, pointer = UNREADABLE[name]
    answer, certificate = scene("three pools")
    change(answer, certificate)
    with pytest.raises(Unreadable) as told:
        verify(answer, certificate)
    assert told.value.pointer == pointer
    assert told.value.document in ("answer", "certificate")


CHECKED_IN_PLANS = (
    "rank", "objective_value", "gap", "devices_used", "devices_idle", "replicas", "parallelism",
    "memory_bytes", "traffic_share", "placement",
)  # fmt: skip
"""Figures of a plan that a check recomputes; latencies, token prices and engine limits are predictions."""


def matters(path: tuple[Any, ...]) -> bool:
    """Whether one number of the two documents, changed alone, makes a statement false."""
    document, first, *rest = path
    if document == "answer":
        if first == "plans":
            return any(word in rest for word in CHECKED_IN_PLANS)
        return first in ("scenario", "bound", "gap", "certificate")
    if first == "plans":  # flows may have room
        return rest[1] in ("objective", "groups")
    if first == "groups":  # of columns that no plan uses, only the devices are recomputed
        return rest[1] == "devices" or rest[-1] in ("tp", "pp", "cp", "dp")
    if first == "tree":  # see test_whatever_is_accepted_is_true: what is accepted here is true
        return rest[-1] in ("below", "above", "leaf")
    return first in ("program", "bound", "lp") and path[-3:-1] != ("lp", "multipliers")


def places(name: str) -> list[tuple[Any, ...]]:
    answer, certificate = scene(name)
    found = numbers_in({"answer": answer, "certificate": certificate})
    # a multiplier's row may change without harm; its value is that of a dual
    return [
        p for p in found if matters(p) and not (p[:3] == ("certificate", "lp", "multipliers") and p[-1] == 0)
    ]


PLACES = places("goodput")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    path=st.sampled_from(PLACES),
    change=st.sampled_from(
        [lambda v: v + (1 if isinstance(v, int) else 0.01 * v + 0.001), lambda v: 2 * v + 1, lambda v: -v - 1]
    ),
)
def test_a_change_of_any_number_that_matters_is_told(
    path: tuple[Any, ...], change: Callable[[Any], Any]
) -> None:
    documents: Document = dict(zip(("answer", "certificate"), scene("goodput"), strict=True))
    value: Any = documents
    for key in path:
        value = value[key]
    assume(change(value) != value)
    put(documents, path, change(value))
    try:
        report = verify(documents["answer"], documents["certificate"])
    except Unreadable:
        return
    assert report.status == "rejected", path


def test_the_numbers_that_matter_are_most_of_them() -> None:
    kinds = {path[:2] for path in PLACES}
    assert len(kinds) == 11
    assert len(PLACES) > 500


JUNK = st.sampled_from(
    [None, True, -1, 0, 10**12, 10**400, 1e300, -1e-300, 0.5, "", "x", [], [[]], {}, [[0, 1e308]]]
)


def all_places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to every value of a document, at most three of each list."""
    items: Any = ()
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else list(enumerate(value))[:3]
    return [path] * bool(path) + [found for key, item in items for found in all_places(item, (*path, key))]


EVERYWHERE = all_places(dict(zip(("answer", "certificate"), scene("devices"), strict=True)))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(path=st.sampled_from([p for p in EVERYWHERE if len(p) > 1]), junk=JUNK)
def test_no_value_anywhere_ends_in_anything_but_a_report_or_a_named_field(
    path: tuple[Any, ...], junk: Any
) -> None:
    documents: Document = dict(zip(("answer", "certificate"), scene("devices"), strict=True))
    put(documents, path, junk)
    try:
        report = verify(documents["answer"], documents["certificate"])
    except Unreadable as error:
        told = error.pointer
    else:
        told = "/"
        json.dumps(report.to_plain(), allow_nan=False)
    assert told.startswith("/")
