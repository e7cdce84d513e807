"""Devices of every replica: whole domains for the widest, the others packed into what is left.

First-fit decreasing is exact when sizes nest; where it fails, the packing is solved as a cutting-stock
program (:mod:`solvers.tiling`).
"""

from dataclasses import dataclass

from planner.setting import Site
from solvers.tiling import Bins, pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """``replicas`` of ``devices`` each, for one group on one pool."""

    group: int
    pool: int
    replicas: int
    devices: int


Device = tuple[str, int, int]


def place(sites: list[Site], wants: list[Want]) -> dict[tuple[int, int], tuple[Device, ...]] | None:
    """Devices by (group, replica), in rank order; None when the packing fails."""
    placed: dict[tuple[int, int], tuple[Device, ...]] = {}
    for g, site in enumerate(sites):
        mine = sorted((w for w in wants if w.pool == g), key=lambda w: -w.devices)
        if not fill(site, mine, placed) and not _fill_exactly(site, mine, placed):
            return None
    return placed


def site_bins(site: Site) -> Bins:
    """Scale-up domains of a pool of fixed size, and the rest of the last one."""
    assert site.capacity is not None
    full, rest = divmod(site.capacity, site.domain)
    return Bins(kinds=((site.domain, full), *(((rest, 1),) if rest else ())))


def _fill_exactly(site: Site, wants: list[Want], placed: dict[tuple[int, int], tuple[Device, ...]]) -> bool:
    """Pack one pool by patterns: the widest first, then bin by bin as the program says."""
    from solvers.backends.registry import default_backend

    if site.capacity is None:
        return False
    wide = [w for w in wants if w.devices > site.domain]
    if not fill(site, wide, placed):
        return False
    taken = sum(-(-w.devices // site.domain) * w.replicas for w in wide)
    bins = site_bins(site)
    left = Bins(kinds=((site.domain, bins.kinds[0][1] - taken), *bins.kinds[1:]))
    waiting: dict[int, list[tuple[int, int]]] = {}
    for w in wants:
        if w.devices <= site.domain:
            waiting.setdefault(w.devices, []).extend((w.group, r) for r in range(w.replicas))
    found = pack({size: len(names) for size, names in waiting.items()}, left, default_backend())
    if found is None:
        return False
    starts = {0: taken * site.domain, 1: bins.kinds[0][1] * site.domain}
    for kind, content, number in found:
        for _ in range(number):
            at = starts[kind]
            starts[kind] += site.domain
            for size, count in content.items():
                for name in [waiting[size].pop() for _ in range(min(count, len(waiting[size])))]:
                    placed[name] = tuple(named(site, n) for n in range(at, at + size))
                    at += size
    return not any(waiting.values())


def fill(site: Site, wants: list[Want], placed: dict[tuple[int, int], tuple[Device, ...]]) -> bool:
    """Pack one pool; a domain is a run of consecutive device numbers."""
    total = site.capacity if site.capacity is not None else _enough(site, wants)
    # free devices of each domain as (next free number, end); filled front to back
    domains = [[start, min(start + site.domain, total)] for start in range(0, total, site.domain)]
    first_open = 0
    for want in wants:
        for replica in range(want.replicas):
            numbers = (
                _whole_domains(site, domains, want.devices)
                if want.devices > site.domain
                else _inside_domain(domains, want.devices, first_open)
            )
            if numbers is None:
                return False
            placed[want.group, replica] = tuple(named(site, n) for n in numbers)
            while first_open < len(domains) and domains[first_open][0] >= domains[first_open][1]:
                first_open += 1
    return True


def _enough(site: Site, wants: list[Want]) -> int:
    """Devices of a pool that is sized to the plan: room for every replica on domains of its own."""
    per_replica = [(-(-w.devices // site.domain)) * site.domain * w.replicas for w in wants]
    return sum(per_replica)


def _inside_domain(domains: list[list[int]], devices: int, first_open: int) -> list[int] | None:
    for domain in domains[first_open:]:
        if domain[1] - domain[0] >= devices:
            numbers = list(range(domain[0], domain[0] + devices))
            domain[0] += devices
            return numbers
    return None


def _whole_domains(site: Site, domains: list[list[int]], devices: int) -> list[int] | None:
    """Untouched domains, as many as needed; the rest of the last one stays free."""
    numbers: list[int] = []
    for i, domain in enumerate(domains):
        if domain[0] != i * site.domain:
            continue
        take = min(devices - len(numbers), domain[1] - domain[0])
        numbers += range(domain[0], domain[0] + take)
        domain[0] += take
        if len(numbers) == devices:
            return numbers
    return None


def named(site: Site, number: int) -> Device:
    """Pool, node and place in the node of a device of the pool, by number."""
    node, device = divmod(number, site.pool.devices_per_node)
    return (site.pool.name, node, device)
