"""Requests with images: what they add, what an encode pool takes away, and what never gets worse."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import codec
from models.encoder_memory import embedding_bytes, multimodal_cache_bytes, tile_activation_bytes
from models.errors import InvalidInput
from models.plan import Group, RankedPlans
from models.scenario import Scenario
from models.workload import Slo
from planner import pipeline
from planner.check import check
from planner.columns import gather
from planner.demand import demands
from planner.encoder_step import encode_s
from planner.fleet_program import Translated, supply_key, translate
from planner.image_work import images_of
from planner.operating_point import Aggregated, Prefill
from planner.predict import predict
from planner.pricing import Priced, limits_of
from planner.traffic import traffic_of
from planner.variants import POOL_FRACS
from tests.planner.image_scenes import MINICPM, WITHOUT_POOL, a100, encoder, photos, two_nodes
from tests.planner.scenes import LLAMA_8B, best, deployment, scenario, solved

TWO_NODES = two_nodes()
FEW = settings(max_examples=4, deadline=None, derandomize=True)
ROUNDING = 1e-7


def group_of(answer: RankedPlans, role: str) -> Group:
    return next(g for g in answer.plans[0].groups if g.role == role)


@cache
def planned(asked: Scenario) -> RankedPlans:
    """The plan of a scenario that several tests look at."""
    return pipeline.plan(asked)


def priced_of(asked: Scenario) -> list[Priced]:
    return pipeline._price(asked, pipeline._silent).candidates.priced


def translated_of(asked: Scenario) -> Translated:
    question = pipeline._price(asked, pipeline._silent)
    columns = gather(question.candidates.priced)
    demand = demands(asked, question.traffic, columns)
    return translate(asked, question.sites, question.traffic, demand, columns)


# ---- the workload


def test_images_for_a_model_without_an_encoder_are_refused() -> None:
    chat = deployment(model=LLAMA_8B)
    chat["workload"]["images"] = {"per_request": 1}
    with pytest.raises(InvalidInput, match="no image encoder") as refused:
        pipeline.validate(scenario(deployment(), {**chat, "name": "photos"}))
    assert refused.value.pointer == "/deployments/1/workload/images"


@pytest.mark.parametrize("images", [{"per_request": -1}, {"per_request": 1, "tiles": 0}, {}])
def test_images_out_of_bounds_are_refused(images: Any) -> None:
    chat = deployment(model=MINICPM)
    chat["workload"]["images"] = images
    with pytest.raises(InvalidInput, match=r"images|per_request|tiles"):
        scenario(chat)


@pytest.mark.parametrize("roles", [None, ["encode", "aggregated"]])
def test_no_images_are_the_text_plan_exactly(roles: Any) -> None:
    none, text = photos(0, roles=roles), photos(1, roles=roles)
    plain = replace(text.deployments[0], workload=replace(text.deployments[0].workload, images=None))
    answers = [pipeline.plan(none), pipeline.plan(replace(text, deployments=(plain,)))]
    assert answers[0].plans == answers[1].plans
    assert all(g.role != "encode" and not g.language_only for g in answers[0].plans[0].groups)
    counts = [(a.search.candidates, a.search.priced, a.search.feasible) for a in answers]
    assert counts[0] == counts[1]


@FEW
@given(images=st.floats(0.1, 6.0), tiles=st.integers(1, 10), hit=st.floats(0.0, 1.0))
def test_image_tokens_come_on_top_of_the_text(images: float, tiles: int, hit: float) -> None:
    asked = photos(images, tiles=tiles, tokens=(500, 50))
    workload = replace(asked.deployments[0].workload, prefix_hit_frac=hit)
    spec = pipeline.settings(asked)[1][0]
    work = images_of(workload, spec)
    assert work is not None
    mine, text = traffic_of(workload, work), traffic_of(workload)
    added = images * tiles * 64
    assert mine.input_tokens == pytest.approx(text.input_tokens + added)
    assert mine.new_tokens - added == pytest.approx(text.new_tokens, abs=1.0)
    assert mine.max_model_len == text.max_model_len + int(np.ceil(images)) * tiles * 64
    # a mean between two whole numbers spreads the prompts, a whole number does not
    rest = images - np.floor(images)
    assert mine.input_cv * mine.input_tokens == pytest.approx((rest * (1 - rest)) ** 0.5 * tiles * 64)


# ---- memory and time of an encode replica


def test_memory_of_the_roles_adds_up_to_the_law() -> None:
    """E: encoder, cache, tiles. Behind it: model, cache, KV. Alone: all of them. Decode: model and KV."""
    spec = pipeline.settings(photos(4))[1][0]
    whole, model = 2.0 * spec.vision_parameters, 2.0 * (spec.parameters() - spec.hidden_size)
    assert spec.encoder is not None
    cache, tile = multimodal_cache_bytes(spec.encoder, spec.hidden_size), tile_activation_bytes(spec.encoder)
    engine: dict[str, float] = {}
    for priced in priced_of(photos(4)):
        one = np.flatnonzero(priced.layouts.devices == 1)
        if not len(one):
            continue
        memory, row = priced.replica.memory, one[0]
        key = supply_key(priced)[1]
        engine[key] = memory.engine[row]
        weights = {"encode": whole, "aggregated": model + whole, "prefill": model + whole}
        held = weights.get(key, whole if key.startswith("encode") else model)
        assert memory.weights[row] == pytest.approx(held, rel=1e-6)
        if key.startswith("encode"):
            assert memory.kv_per_sequence[row] == 40 * tile
        elif key in ("aggregated", "prefill"):
            assert priced.replica.activations(np.ones(len(priced)))[row] == 40 * tile
    assert engine.keys() >= {"encode@0.5", "aggregated@0.5", "aggregated", "prefill@0.5", "prefill", "decode"}
    assert {e - engine["decode"] for k, e in engine.items() if k != "decode"} == {cache}


@pytest.mark.parametrize(("devices", "tiles"), [(1, 40), (2, 20), (4, 10), (8, 5)])
def test_devices_of_a_replica_share_the_tiles_of_a_request(devices: int, tiles: int) -> None:
    asked = photos(4, pools=[a100(each=8)])
    replica, setting = encoder(asked, devices)
    host_s = setting.cost.overheads(setting.site.device).host_step_s
    assert replica.batch_s[0] == pytest.approx(encode_s(setting, np.array([float(tiles)]))[0] + host_s)


def test_a_tile_is_not_cut() -> None:
    seven, eight = (encoder(photos(1, tiles=t), devices=4)[0].batch_s[0] for t in (7, 8))
    five = encoder(photos(1, tiles=5), devices=4)[0].batch_s[0]
    assert five == seven == eight


def test_a_queue_of_whole_requests() -> None:
    """Rate = load * batch / time; wait of one server; TTFT = wait + rest of a batch + batch + transfer."""
    replica, setting = encoder(photos(2), batch=4.0)
    load = np.array([0.6])
    state = replica.state(load)
    service_s = replica.batch_s / 4.0
    assert state.rate_per_s == pytest.approx(0.6 / service_s)
    assert state.queue_s == pytest.approx(0.6 / 0.4 * 0.5 * service_s)
    assert setting.images is not None
    sent = embedding_bytes(setting.images.encoder, 3584, 20)
    assert sent == 20 * 64 * 3584 * 2
    device = setting.site.device
    moved_s = device.scale_out_latency_s + sent / device.scale_out_bytes_per_s
    own = replica.batch_s + moved_s + 0.3 * replica.batch_s
    assert replica.latency(load, state, "ttft_s", "mean") == pytest.approx(state.queue_s + own)
    assert replica.latency(load, state, "e2e_s", 0.95) == replica.latency(load, state, "ttft_s", 0.95)
    assert replica.latency(load, state, "tpot_s", 0.95) == 0.0


@FEW
@given(tiles=st.floats(0.5, 200.0), more=st.floats(1.0, 3.0))
def test_encoder_time_grows_with_tiles_and_by_less_than_their_number(tiles: float, more: float) -> None:
    setting = encoder(photos(1))[1]
    few, many = encode_s(setting, np.array([tiles, tiles * more]))
    assert few <= many * (1 + 1e-9)
    assert many <= more * few * (1 + 1e-9)
    assert encode_s(setting, np.zeros(1))[0] == 0.0


def test_encoder_flop_by_hand() -> None:
    """A tile of 1,024 patches: 0.97e12 FLOP in 27 layers and 0.06e12 in the resampler; at most the peak."""
    setting = encoder(photos(1))[1]
    peak = setting.site.device.peak_flop_per_s["bf16"]
    n, h, inner, wide = 1024, 1152, 4304, 3584
    layers = 27 * (2 * n * (4 * h * h + 2 * h * inner) + 4 * n * n * h)
    resampler = 2 * n * (h * wide + 2 * wide * wide) + 2 * 64 * 3 * wide * wide
    assert layers == pytest.approx(0.97e12, rel=0.01)
    assert resampler == pytest.approx(0.066e12, rel=0.01)
    seconds = encode_s(setting, np.array([10.0]))[0]
    assert 0.3 < 10 * (layers + resampler) / peak / seconds < 1.0


RARE = "One request in ten has an image of ten tiles: the mean is a tenth, the 95th percentile the whole."


def test_an_encode_batch_at_a_percentile_over_requests_of_which_few_have_images() -> None:
    alone, rare = (encoder(photos(n))[0] for n in (1, 0.1))
    host_s = alone.model.overheads.host_step_s
    assert rare.batch_s - host_s == pytest.approx(0.1 * (alone.batch_s - host_s)), RARE
    load = np.array([0.05])
    state = replace(rare.state(load), queue_s=load * 0.0, residual_s=load * 0.0)
    first = {s: rare.latency(load, state, "ttft_s", s)[0] for s in ("mean", 0.5, 0.95)}
    assert first[0.95] == pytest.approx(alone.batch_s[0] + rare.transfer_s[0])
    assert first[0.5] < first["mean"] < first[0.95]


@pytest.mark.parametrize("role", ["aggregated", "prefill"])
def test_a_percentile_over_requests_of_which_few_have_images(role: str) -> None:
    alone, rare = (
        next(p.replica for p in priced_of(photos(n)) if supply_key(p)[1] == role) for n in (1, 0.1)
    )
    assert isinstance(alone, Aggregated | Prefill)
    assert isinstance(rare, Aggregated | Prefill)
    whole = encode_s(alone.model.setting, np.ceil(10.0 / rare.model.layouts.tp))
    assert rare.images_s() == pytest.approx(0.1 * whole), RARE
    assert rare.images_s(0.95) == pytest.approx(whole)
    assert rare.images_s(0.5) == pytest.approx(0.0)
    load = np.full(len(rare.batched_tokens), 0.05)
    state = replace(rare.state(load), queue_s=load * 0.0, residual_s=load * 0.0)
    first = [rare.latency(load, state, "ttft_s", s) for s in (0.5, "mean", 0.95)]
    assert (first[0] < first[1]).all()
    assert (first[1] < first[2]).all()
    factors = [rare.traffic.prompt_factor(s) * rare.traffic.input_tokens for s in (0.5, "mean", 0.95)]
    assert factors == pytest.approx([100, 164, 740])


# ---- shares of the first token


@FEW
@given(frac=st.sampled_from((0.0, *POOL_FRACS)), ttft=st.booleans())
def test_limits_of_a_path_add_up(frac: float, ttft: bool) -> None:
    limits: dict[str, Any] = {"e2e_s": {"limit_s": 10.0}, "tpot_s": {"limit_s": 0.05}}
    slo = codec.from_plain(Slo, {**limits, **({"ttft_s": {"limit_s": 2.0}} if ttft else {})})
    by_role = {
        role: limits_of(role, slo, {}, frac)  # type: ignore[arg-type]
        for role in ("encode", "aggregated", "prefill")
    }
    by_role["decode"] = limits_of("decode", slo, {})
    for path in (("encode", "aggregated"), ("encode", "prefill", "decode")):
        assert sum(by_role[r]["e2e_s"].limit_s for r in path) == pytest.approx(10.0)
        if ttft:
            first = [by_role[r]["ttft_s"].limit_s for r in path if "ttft_s" in by_role[r]]
            assert sum(first) == pytest.approx(2.0)
    assert set(by_role["encode"]) <= {"ttft_s", "e2e_s"}


# ---- plans


def test_a_pool_of_encoders_raises_the_goodput_of_two_nodes() -> None:
    """Sixteen A100, four images of ten tiles a request: a few per cent more than without a pool."""
    pooled, alone = planned(TWO_NODES), pipeline.plan(two_nodes(roles=WITHOUT_POOL))
    assert pooled.status == alone.status == "optimal"
    assert 1.01 < pooled.plans[0].objective_value / alone.plans[0].objective_value < 1.5
    encode, behind = group_of(pooled, "encode"), group_of(pooled, "aggregated")
    assert encode.traffic_share == pytest.approx(1.0)
    assert encode.layer_partition == (27,)
    assert encode.limits.kv_cache_tokens == 0
    assert encode.limits.max_num_seqs >= 1
    assert encode.memory_bytes.weights == pytest.approx(2 * 486_011_904)
    assert behind.language_only
    assert not encode.language_only
    for group in pooled.plans[0].groups:
        m = group.memory_bytes
        parts = m.weights + m.kv_cache + m.activations + m.engine + m.free
        assert parts == pytest.approx(m.capacity)
    predicted = pooled.plans[0].predicted["chat"]
    assert predicted.ttft_s["p95"] <= 1.5
    assert predicted.request_per_s == pytest.approx(pooled.plans[0].objective_value, rel=1e-6)


@pytest.mark.parametrize("objective", ["max_goodput", "min_devices", "min_power"])
@settings(FEW, max_examples=2)
@given(images=st.sampled_from([0.5, 1, 3, 8]), rate=st.sampled_from([0.5, 2.0]))
def test_the_encode_role_never_worsens_the_optimum(objective: str, images: float, rate: float) -> None:
    more = {"rate": rate, "objective": objective}
    free, without = solved(photos(images, **more)), solved(photos(images, roles=WITHOUT_POOL, **more))
    assert free <= without + ROUNDING * abs(without if without < np.inf else 1.0)


def test_more_images_never_raise_goodput() -> None:
    values = [-solved(photos(images)) for images in (0, 0.25, 1, 3, 8)]
    assert all(more <= fewer * (1 + 1e-3) for fewer, more in zip(values, values[1:], strict=False)), values


def _counts(rates: list[tuple[float, int]], devices: int) -> Iterator[float]:
    """Rate of every combination of replicas (rate, devices) that fits."""
    most = [devices // n for _, n in rates]
    for counts in product(*(range(m + 1) for m in most)):
        if sum(c * n for c, (_, n) in zip(counts, rates, strict=True)) <= devices:
            yield sum(c * r for c, (r, _) in zip(counts, rates, strict=True))


def test_two_devices_by_hand() -> None:
    """All ways to use two devices: replicas with their own encoder, or one encoder before one without."""
    asked = photos(4, roles=["aggregated", "encode"])
    best_rate: dict[tuple[str, int], float] = {}
    for priced in priced_of(asked):
        key = supply_key(priced)[1]
        for rate, devices in zip(priced.state.rate_per_s, priced.layouts.devices, strict=True):
            best_rate[key, int(devices)] = max(best_rate.get((key, int(devices)), 0.0), float(rate))
    alone = [(r, n) for (key, n), r in best_rate.items() if key == "aggregated"]
    pooled = [
        min(best_rate[f"encode@{f:g}", 1], best_rate.get((f"aggregated@{f:g}", 1), 0.0)) for f in POOL_FRACS
    ]
    assert min(pooled) > 0.0
    assert -solved(asked) == pytest.approx(max([*_counts(alone, 2), *pooled]), rel=1e-6)


def test_embeddings_cross_the_links_between_pools() -> None:
    link = {"from": "near", "to": "far", "bytes_per_s": 3e8, "latency_s": 0.0}
    asked = photos(3, pools=[a100("near", each=1), a100("far", each=1)], links=[link])
    found = translated_of(asked)
    assert found.fleet.link_bytes_per_s == pytest.approx(3e8)
    moved = found.fleet.link_bytes_per_request.to_dense()
    spec = pipeline.settings(asked)[1][0]
    assert spec.encoder is not None
    images = embedding_bytes(spec.encoder, spec.hidden_size, 30)
    prompt = 57344 * (100 + 30 * 64)
    seen = set()
    for j, channel in enumerate(found.channels):
        expected = np.zeros(len(found.links))
        for supply, size in zip(
            channel, (images, prompt) if len(channel) == 3 else (None, None), strict=False
        ):
            size = images if supply[1].startswith("encode") else size or prompt
            if supply[4] >= 0 and supply[3] != supply[4]:
                expected[found.links.index((supply[3], supply[4]))] += size
        assert moved[:, j] == pytest.approx(expected)
        seen.add(tuple(s[1].partition("@")[0] for s in channel))
    assert seen == {
        ("aggregated",), ("prefill", "decode"), ("encode", "aggregated"), ("encode", "prefill", "decode"),
    }  # fmt: skip


@pytest.mark.parametrize("images", [1, 4])
def test_the_first_token_waits_for_its_images(images: int) -> None:
    """Predicted TTFT of a pooled plan = encode group + the group behind it, at every statistic."""
    answer = pipeline.plan(photos(images, roles=["aggregated", "encode"], objective="min_ttft", rate=0.5))
    for plan in answer.plans:
        assert plan.predicted["chat"].ttft_s["p95"] <= 1.5 * (1 + 1e-9)
        assert plan.slo["chat"].status != "missed"


def test_more_images_in_an_aggregated_replica_cost_time_and_cache() -> None:
    one, eight = (
        next(p for p in priced_of(photos(n, roles=["aggregated"])) if p.role == "aggregated") for n in (1, 8)
    )
    first = [p.state.rate_per_s[p.layouts.devices == 1].max() for p in (one, eight)]
    assert first[0] > first[1] > 0.0
    pools = [p.replica.memory.kv_pool[p.layouts.devices == 1].max() for p in (one, eight)]
    assert pools[0] > pools[1]


def test_too_many_images_for_the_memory_of_a_device_need_a_pool() -> None:
    """On a card of 24 GB the tiles of a request do not fit beside the language model; on another they do."""
    cards = [{"name": n, "device": "l4", "nodes": 1, "devices_per_node": 1} for n in ("one", "other")]
    more: Any = {"pools": cards, "limits_s": (60.0, 1.0), "rate": 0.01, "objective": "min_devices"}
    assert pipeline.plan(photos(8, roles=WITHOUT_POOL, **more)).status == "infeasible"
    pooled = pipeline.plan(photos(8, **more))
    assert {g.role for g in pooled.plans[0].groups} == {"encode", "aggregated"}


# ---- check and predict


def test_check_finds_the_value_of_a_pooled_plan() -> None:
    answer = planned(TWO_NODES)
    assert any(g.role == "encode" for g in answer.plans[0].groups)
    told = check(TWO_NODES, codec.to_plain(answer)["plans"][0])
    assert told["feasible"], told["reasons"]
    assert told["objective_value"] == pytest.approx(-best(answer), rel=1e-6)
    assert told["gap_to_best"] < 1e-6


def test_check_names_what_is_wrong_with_an_encode_group() -> None:
    told = check(photos(1), [{"role": "encode", "parallelism": {"tp": 2}}])
    assert "whole encoders side by side" in told["reasons"][0]
    with pytest.raises(InvalidInput, match="no images") as refused:
        check(scenario(), [{"role": "encode", "parallelism": {}}])
    assert refused.value.pointer == "/0/role"


def test_predict_refuses_an_encode_group_with_a_reason() -> None:
    groups = [{"role": r, "replicas": 1, "parallelism": {}} for r in ("encode", "aggregated")]
    row = {
        "id": "a", "model": MINICPM, "device": "a100-sxm-80", "engine": {"name": "vllm"},
        "input_tokens": 100, "output_tokens": 10, "concurrency": 1, "groups": groups,
    }  # fmt: skip
    (answer,) = predict([row])
    assert answer["status"] == "unsupported"
    assert "no images" in answer["reason"]
    assert "/groups/0/role" in answer["reason"]
