import json
from dataclasses import fields

import pytest

from models import catalog
from models.errors import InvalidInput, UnknownName
from models.hardware import Device

LABELS = {"id", "name", "vendor", "family", "aliases", "sources"}
KINDS = {"datasheet", "measured", "fitted", "assumed"}


@pytest.mark.parametrize("device", catalog.devices(), ids=lambda d: d.id)
def test_every_figure_has_a_source_and_a_kind(device):
    figures = {f.name for f in fields(Device)} - LABELS
    if device.price_usd_per_hour is None:
        figures.remove("price_usd_per_hour")
    if device.peer_bytes_per_s is None:
        figures.remove("peer_bytes_per_s")
    assert set(device.sources) == figures
    for source in device.sources.values():
        assert source.kind in KINDS
        assert len(source.source) >= 10


@pytest.mark.parametrize("device", catalog.devices(), ids=lambda d: d.id)
def test_figures_are_physical(device):
    assert device.peak_flop_per_s["bf16"] >= 5e13
    assert 16e9 <= device.memory_bytes <= 320e9
    assert device.scale_out_bytes_per_s <= device.scale_up_bytes_per_s <= device.memory_bytes_per_s
    assert 0 < device.scale_up_latency_s <= device.scale_out_latency_s < 1e-4
    assert 0 < device.idle_watt < device.peak_watt <= 1500
    assert device.scale_up_domain is None or device.scale_up_domain > 1


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("h100_sxm", "h100-sxm"),
        ("H100", "h100-sxm"),
        ("h100-sxm5", "h100-sxm"),
        ("NVIDIA-H100-80GB-HBM3", "h100-sxm"),
        ("NVIDIA H100-SXM-80GB", "h100-sxm"),
        ("H200", "h200-sxm"),
        ("A100", "a100-sxm-80"),
        (" b200 ", "b200-sxm"),
        ("NVIDIA L40S 48GB", "l40s"),
    ],
)
def test_names_are_forgiving(name, found):
    assert catalog.device(name).id == found


def test_no_alias_belongs_to_two_devices():
    owners = {}
    for device in catalog.devices():
        for alias in (device.id, *device.aliases):
            assert owners.setdefault(alias.lower(), device.id) == device.id


def test_unknown_name_offers_near_ones():
    with pytest.raises(UnknownName) as error:
        catalog.device("h100-smx")
    assert error.value.pointer == "/device"
    assert "'h100-smx'" in error.value.message
    assert error.value.hint.startswith("Maybe h100-sxm")


@pytest.mark.parametrize("name", [None, 3, ["h100"], "", "x" * 100_000])
def test_anything_else_is_an_unknown_name(name):
    with pytest.raises(UnknownName):
        catalog.device(name)


def test_prices_are_dated_and_sourced():
    book = catalog.price_book()
    assert len(book.date) == len("2026-11-21")
    assert set(book.rows) <= {d.id for d in catalog.devices()}
    for price in book.rows.values():
        low, high = price.low_usd_per_hour, price.high_usd_per_hour
        assert price.kind in KINDS
        assert len(price.source) >= 10
        assert (low or 0.0) <= price.usd_per_hour <= (high or 100.0)
    assert catalog.price_book(book.name) == book
    with pytest.raises(UnknownName):
        catalog.price_book("no-such-book")


def test_a_device_without_a_listed_price_has_none():
    listed = catalog.price_book().rows
    for device in catalog.devices():
        expected = listed[device.id].usd_per_hour if device.id in listed else None
        assert device.price_usd_per_hour == expected


@pytest.mark.shared_data
def test_figures_agree_with_the_reference_table(data_dir):
    rows = json.loads((data_dir / "gpus.json").read_text())["gpus"]
    assert {row["id"] for row in rows} == {d.id for d in catalog.devices()}
    for row in rows:
        device = catalog.device(row["id"])
        peaks = {k: v for k, v in row["flops_dense"].items() if v and k != "fp16"}
        assert device.peak_flop_per_s == peaks
        assert device.memory_bytes == row["hbm_bytes_usable_mib"] * 2**20
        assert device.memory_bytes_per_s == row["hbm_bw"]
        assert device.scale_up_bytes_per_s == row["scaleup_bw_uni"]
        assert device.devices_per_node == row["per_node"]
        assert device.host_bytes_per_s == row.get("pcie_bw_uni", device.host_bytes_per_s)
        assert device.scale_out_bytes_per_s == row.get("nic_bw_uni_per_gpu", device.scale_out_bytes_per_s)
        assert device.peak_watt == (row["tdp_w"] or device.peak_watt)
        assert device.price_usd_per_hour == row["price_usd_h"]["typ"]
        given = {
            "host_bytes_per_s": "pcie_bw_uni" in row,
            "scale_out_bytes_per_s": "nic_bw_uni_per_gpu" in row,
            "peak_watt": row["tdp_w"] is not None,
        }
        for field, present in given.items():
            assert present or device.sources[field].kind == "assumed", (device.id, field)


def test_errors_of_the_catalogue_are_invalid_input():
    assert issubclass(UnknownName, InvalidInput)
