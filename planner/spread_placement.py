"""Devices of replicas that must not fail together: each group is dealt out in turn over nodes or racks."""

from collections import Counter

from planner.placement import Device, Want, named
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
        if not _fill_whole(site, wide, domains[g], placed) or not _deal(site, narrow, domains[g], placed):
            return None
    return placed


def _fill_whole(
    site: Site, wants: list[Want], size: int, placed: dict[tuple[int, int], tuple[Device, ...]]
) -> bool:
    """Give every replica the first run of untouched failure domains it may lie on; it shares none of them."""
    taken: set[int] = set()
    for want in wants:
        start = 0
        for replica in range(want.replicas):
            while not _may_start(site, start, want.devices, size, taken):
                start += size
                if site.capacity is not None and start + want.devices > site.capacity:
                    return False
            numbers = range(start, start + want.devices)
            if site.capacity is not None and numbers.stop > site.capacity:
                return False
            taken.update(range(start // size, -(-numbers.stop // size)))
            placed[want.group, replica] = tuple(named(site, n) for n in numbers)
    return True


def _may_start(site: Site, start: int, devices: int, size: int, taken: set[int]) -> bool:
    """Whether a replica may lie from this device on: inside a scale-up domain, or over whole ones."""
    last = start + devices - 1
    inside = start // site.domain == last // site.domain
    whole = devices > site.domain and start % site.domain == 0
    return (inside or whole) and taken.isdisjoint(range(start // size, last // size + 1))


def _deal(
    site: Site, wants: list[Want], size: int, placed: dict[tuple[int, int], tuple[Device, ...]]
) -> bool:
    """Deal replicas to the untouched domains of a pool, fewest of the own group first, then the emptiest."""
    taken = {device for devices in placed.values() for device in devices}
    runs = _untouched(site, size, sum(w.replicas for w in wants), taken)
    used: Counter[int] = Counter()
    for want in wants:
        held: Counter[int] = Counter()
        for replica in range(want.replicas):
            firsts = {r: _next_inside(site, r + used[r], want.devices) for r in runs}
            room = [r for r in runs if firsts[r] + want.devices <= r + size]
            if not room:
                return False
            start = min(room, key=lambda r: (held[r], used[r], r))
            numbers = range(firsts[start], firsts[start] + want.devices)
            placed[want.group, replica] = tuple(named(site, n) for n in numbers)
            used[start] = numbers.stop - start
            held[start] += 1
    return True


def _untouched(site: Site, size: int, replicas: int, taken: set[Device]) -> list[int]:
    """First devices of the failure domains nothing lies on; of a pool to be sized, one for every replica."""
    if site.capacity is not None:
        starts = range(0, site.capacity - size + 1, size)
        return [s for s in starts if not any(named(site, n) in taken for n in range(s, s + size))]
    each = site.pool.devices_per_node
    ends = [node * each + device + 1 for name, node, device in taken if name == site.pool.name]
    first = -(-max(ends, default=0) // size) * size
    return list(range(first, first + size * replicas, size))


def _next_inside(site: Site, first: int, devices: int) -> int:
    """The first device from which a replica lies inside one scale-up domain."""
    if devices > site.domain or first // site.domain == (first + devices - 1) // site.domain:
        return first
    return -(-first // site.domain) * site.domain
