"""From what was typed into the form to a scenario document, or to messages at the fields."""

from dataclasses import dataclass, field
from typing import Any

from api.document_bounds import check_values
from api.pages.form_fields import DEFAULTS
from models.errors import InvalidInput
from planner.importers import document

MS_PER_S = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFault:
    """One message at one field."""

    field: str
    detail: str
    hint: str = ""


@dataclass(slots=True, kw_only=True)
class _Typed:
    """What was typed, and what of it could not be read."""

    values: dict[str, str]
    faults: list[FormFault] = field(default_factory=list)

    def number(self, name: str, *, whole: bool = False) -> float | int | None:
        """A number; None where nothing was typed or where it is none."""
        text = self.values[name].strip()
        if not text:
            return None
        try:
            return int(text) if whole else float(text)
        except ValueError:
            kind = "a whole number" if whole else "a number"
            self.faults.append(FormFault(field=name, detail=f"{text[:40]!r} is not {kind}"))
            return None

    def required(self, name: str, *, whole: bool = False) -> float | int | None:
        """A number that has to be given."""
        if not self.values[name].strip():
            self.faults.append(FormFault(field=name, detail="this is needed"))
        return self.number(name, whole=whole)

    def pasted(self, name: str, *, drop_non_finite: bool = False) -> Any:
        """A pasted YAML or JSON text; None where nothing was pasted."""
        text = self.values[name]
        if not text.strip():
            return None
        try:
            check_values(text)
            return document.read(text, drop_non_finite=drop_non_finite)
        except InvalidInput as error:
            self.faults.append(FormFault(field=name, detail=error.message, hint=error.hint))
            return None


def read_form(values: dict[str, str]) -> tuple[Any, list[FormFault]]:
    """The scenario as plain data, and what could not be read of it."""
    typed = _Typed(values={**DEFAULTS, **values})
    if typed.values["scenario_yaml"].strip():
        return typed.pasted("scenario_yaml"), typed.faults
    scenario = {
        "schema": "shardwright.scenario/1",
        "name": typed.values["name"].strip() or DEFAULTS["name"],
        "deployments": [
            {
                "name": "main",
                "model": _model(typed),
                "precisions": _precisions(typed.values),
                "engine": {"name": typed.values["engine"]},
                "workload": _workload(typed),
                "slo": _slo(typed),
            }
        ],
        "cluster": _cluster(typed),
        "objective": typed.values["objective"],
        "reserve": {"failure": typed.values["failure"] or None},
        "options": {
            "top_k": typed.required("top_k", whole=True),
            "time_limit_s": typed.required("time_limit_s"),
            "sensitivity": typed.values["more"] == "yes",
        },
    }
    return scenario, typed.faults


def _model(typed: _Typed) -> Any:
    config = typed.pasted("hf_config", drop_non_finite=True)  # some published ones hold Infinity
    return typed.values["model"] if config is None else {"hf_config": config}


def _precisions(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"weights": values["weights"], "kv": values["kv"]}] if values["weights"] else []


def _workload(typed: _Typed) -> dict[str, Any]:
    arrival: dict[str, Any]
    if typed.values["arrival"] == "concurrency":
        arrival = {"concurrency": typed.required("concurrency", whole=True)}
    else:
        arrival = {"rate_per_s": typed.required("rate_per_s"), "cv": typed.required("cv")}
    return {
        "arrival": arrival,
        "input_tokens": typed.required("input_tokens"),
        "output_tokens": typed.required("output_tokens"),
        "prefix_hit_frac": (typed.number("prefix_hit_percent") or 0.0) / 100,
    }


def _slo(typed: _Typed) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for metric, name, scale in (
        ("ttft", "ttft_limit_s", 1.0),
        ("tpot", "tpot_limit_ms", MS_PER_S),
        ("e2e", "e2e_limit_s", 1.0),
    ):
        limit, percentile = typed.number(name), typed.values[f"{metric}_percentile"]
        if limit is not None and limit <= 0:
            typed.faults.append(FormFault(field=name, detail="a limit is more than 0"))
        elif limit is not None:
            statistic = percentile if percentile == "mean" else typed.number(f"{metric}_percentile")
            out[f"{metric}_s"] = {"limit_s": limit / scale, "percentile": statistic}
    return out


def _cluster(typed: _Typed) -> Any:
    """The pasted cluster, with or without its key ``cluster``; else one pool from the fields."""
    pasted = typed.pasted("cluster_yaml")
    if pasted is not None:
        return pasted["cluster"] if isinstance(pasted, dict) and set(pasted) == {"cluster"} else pasted
    if typed.values["cluster_yaml"].strip():
        return None
    device = typed.values["device"]
    return {
        "pools": [
            {
                "name": device,
                "device": device,
                "nodes": typed.number("nodes", whole=True),
                "devices_per_node": typed.required("devices_per_node", whole=True),
            }
        ]
    }
