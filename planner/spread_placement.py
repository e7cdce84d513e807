"""Devices of replicas that must not fail together: each group is dealt out in turn over nodes or racks."""

from collections import Counter

from planner.placement import Device, Want, fill, named
from planner.setting import Site


def place_spread(
    sites: list[Site], wants: list[Want], domains: list[int]
) -> dict[tuple[int, int], tuple[Device, ...]] | None:
    """Devices by (group, replica), no domain with more of a group than an even spread needs; None: no room.

    ``domains`` are the devices that fail together in each pool. Replicas that fill whole domains come first;
    the others share those that are left.
    """
    placed: dict[tuple[int, int], tuple[Device, ...]] = {}
    for g, site in enumerate(sites):
        mine = sorted((w for w in wants if w.pool == g), key=lambda w: -w.devices)
        wide = [w for w in mine if w.devices >= domains[g]]
        narrow = [w for w in mine if w.devices < domains[g]]
        if not fill(site, wide, placed) or not _deal(site, narrow, domains[g], placed):
            return None
    return placed


def _deal(
    site: Site, wants: list[Want], size: int, placed: dict[tuple[int, int], tuple[Device, ...]]
) -> bool:
    """Deal replicas to the untouched domains of a pool, fewest of the own group first, then the emptiest."""
    total = site.capacity if site.capacity is not None else size * sum(w.replicas for w in wants)
    taken = {device for devices in placed.values() for device in devices}
    runs = [
        start
        for start in range(0, total - size + 1, size)
        if not any(named(site, n) in taken for n in range(start, start + size))
    ]
    used: Counter[int] = Counter()
    for want in wants:
        held: Counter[int] = Counter()
        for replica in range(want.replicas):
            room = [r for r in runs if used[r] + want.devices <= size]
            if not room:
                return False
            start = min(room, key=lambda r: (held[r], used[r], r))
            first = start + used[start]
            placed[want.group, replica] = tuple(named(site, n) for n in range(first, first + want.devices))
            used[start] += want.devices
            held[start] += 1
    return True
