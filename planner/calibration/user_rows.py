"""A user's benchmark results as rows of the fit; what is no steady closed loop is refused, with a reason."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from models import catalog, codec
from models.errors import InvalidInput
from models.observation import Observation
from models.parallelism import Parallelism
from models.prediction import PredictRow
from planner import predict
from planner.calibration.measured_rows import MeasuredRow
from planner.calibration.told import DEGREES, LOOK_UPS, Told
from planner.importers.benchmarks import read_benchmark

FAILED_FRAC = 0.05
"""Share of failed requests above which the load was not what it claims to be."""
ROUNDS = 2.0
"""Requests per seat below which a closed loop is mostly filling and emptying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A point that no fit can use, and why; ``number`` counts the file's points from 1."""

    file: str
    number: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRows:
    """Points of some files; ``files`` names the file of each row, ``formats`` the benchmark of each file."""

    rows: tuple[MeasuredRow, ...] = ()
    files: tuple[str, ...] = ()
    formats: tuple[tuple[str, str], ...] = ()
    refused: tuple[Refused, ...] = ()

    def __add__(self, other: "UserRows") -> "UserRows":
        return UserRows(
            rows=self.rows + other.rows,
            files=self.files + other.files,
            formats=self.formats + other.formats,
            refused=self.refused + other.refused,
        )


def read(text: str, name: str, told: Told) -> UserRows:
    """Rows of one result file; ``told`` is canonical.

    Raises
    ------
    InvalidInput
        No benchmark result.
    """
    observations = read_benchmark(text, name=name)
    made: list[MeasuredRow] = []
    reasons: dict[int, str] = {}
    numbers: list[int] = []
    for number, observation in enumerate(observations, 1):
        try:
            made.append(_row(observation, f"{name}#{number}", told))
            numbers.append(number)
        except InvalidInput as error:
            reasons[number] = f"{error.message} ({error.hint})" if error.hint else error.message
    priced = [_unpriced(answer) for answer in predict.predict([codec.to_plain(m.row) for m in made])]
    reasons |= {number: reason for number, reason in zip(numbers, priced, strict=True) if reason}
    rows = tuple(m for m, reason in zip(made, priced, strict=True) if not reason)
    return UserRows(
        rows=rows,
        files=(name,) * len(rows),
        formats=tuple(dict.fromkeys((name, o.source_format) for o in observations)),
        refused=tuple(Refused(file=name, number=n, reason=reasons[n]) for n in sorted(reasons)),
    )


def _unpriced(answer: dict[str, Any]) -> str:
    """Why a row has no prediction that could be corrected; empty where it has one."""
    if answer["status"] != "ok":
        return str(answer["reason"])
    if not answer["memory_ok"]:
        return "does not fit into memory as stated (Maybe tp, devices or precision are others.)"
    return ""


def _row(observation: Observation, name: str, told: Told) -> MeasuredRow:
    _check_loop(observation)
    model, device, engine = (_settled(observation, told, field) for field in LOOK_UPS)
    parallelism = _parallelism(observation.parallelism, told, told.devices or observation.devices)
    if parallelism.pp > 1:
        raise InvalidInput("was run with pipeline stages, which are not calibrated")
    content: dict[str, Any] = {
        "id": name,
        "model": model,
        "device": device,
        "engine": {"name": engine, "version": _version(observation, told)},
        "precision": codec.to_plain(told.precision or catalog.model(model).precision),
        "input_tokens": observation.input_tokens,
        "output_tokens": observation.output_tokens,
        "concurrency": observation.concurrency,
        "groups": [
            {
                "role": "aggregated",
                "replicas": _replicas(observation, told, parallelism),
                "parallelism": codec.to_plain(parallelism),
            }
        ],
    }
    return MeasuredRow(
        row=codec.from_plain(PredictRow, content),
        ttft_s=observation.ttft_s["mean"],
        tpot_s=observation.tpot_s["mean"],
        family=model,
        suspected=False,
    )


def _check_loop(seen: Observation) -> None:
    """Refuse what is no steady closed loop with both latencies."""
    seats, requests = seen.concurrency or 0.0, seen.requests or 0
    failed = (seen.failed_requests or 0) / max(requests + (seen.failed_requests or 0), 1)
    rules = (
        (seen.requests_per_s is not None, "is an open loop: only runs at a fixed concurrency are calibrated"),
        (seen.concurrency is None, "states no concurrency"),
        ("concurrency" in seen.derived, "states no concurrency of its own, only what follows from its rate"),
        (seen.incomplete, "ended before its plan did"),
        (failed > FAILED_FRAC, f"lost {failed:.0%} of its requests"),
        (0 < requests < ROUNDS * seats, f"served {requests} requests at a concurrency of {seats:g}: too few"),
        ("mean" not in seen.ttft_s, "states no mean TTFT"),
        ("mean" not in seen.tpot_s, "states no mean TPOT"),
        (seen.input_tokens is None or seen.output_tokens is None, "states no lengths"),
        ((seen.output_tokens or 2.0) < 2.0, "has answers of less than two tokens"),
    )
    for broken, reason in rules:
        if broken:
            raise InvalidInput(reason)


def _settled(seen: Observation, told: Told, field: str) -> str:
    """Catalogue id of model, device or engine, from the file or from what the user says."""
    stated: str | None = getattr(seen, field)
    own: str | None = getattr(told, field)
    known = _known(stated, LOOK_UPS[field])
    if known is not None and own is not None and known != own:
        raise InvalidInput(f"states the {field} {known}, not {own}")
    found = own or known
    if found is None:
        problem = f"states no {field}" if stated is None else f"states an unknown {field} {stated!r:.80}"
        raise InvalidInput(problem, hint=f"Maybe give {field} beside the file.")
    return found


def _known(name: str | None, look_up: Callable[[str], str]) -> str | None:
    try:
        return None if name is None else look_up(name)
    except InvalidInput:
        return None


def _version(seen: Observation, told: Told) -> str | None:
    if seen.engine_version and told.engine_version and seen.engine_version != told.engine_version:
        raise InvalidInput(f"states version {seen.engine_version}, not {told.engine_version}")
    version = told.engine_version or seen.engine_version
    return version[:100] if version else None


def _parallelism(stated: Parallelism | None, told: Told, devices: int | None) -> Parallelism:
    """Degrees as stated; where a file states some of them, the others count as 1 until they are told."""
    degrees: dict[str, Any] = {}
    for name in DEGREES:
        seen, own = getattr(stated, name, 1), getattr(told, name)
        if seen > 1 and own is not None and own != seen:
            raise InvalidInput(f"states {name} {seen}, not {own}")
        degrees[name] = own or seen
    nothing = stated is None and all(getattr(told, name) is None for name in DEGREES)
    if nothing and devices != 1:
        raise InvalidInput("states no parallelism", hint="Maybe give tp beside the file.")
    return replace(stated or Parallelism(), **degrees)


def _replicas(seen: Observation, told: Told, parallelism: Parallelism) -> int:
    if seen.devices and told.devices and seen.devices != told.devices:
        raise InvalidInput(f"states {seen.devices} devices, not {told.devices}")
    devices = told.devices or seen.devices or parallelism.devices
    if devices % parallelism.devices:
        raise InvalidInput(f"states {devices} devices, no multiple of the {parallelism.devices} of a replica")
    return devices // parallelism.devices
