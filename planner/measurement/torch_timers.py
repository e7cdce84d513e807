"""Timers made of CUDA events: calls replayed in a graph, as engines run them, or launched one by one."""

from collections.abc import Callable
from typing import Any

from planner.measurement.timing import Timer
from planner.measurement.torch_calls import Call

REPLAY_S = 1e-3
"""What one replay of a graph should last: long against the gap between two replays."""
MOST_IN_GRAPH = 200
Agree = Callable[[float], float]
"""Makes one number of the numbers that several processes hold; alone, the number itself."""


def timer_of(torch: Any, call: Call, agree: Agree = lambda seconds: seconds) -> Timer:
    """A timer of one call; with ``agree`` every process of a group takes the same decisions."""
    eager = _eager(torch, call)
    eager(call.sets)  # loads kernels and opens connections
    if not call.in_graph:
        return _agreed(eager, agree)
    once_s = agree(eager(max(call.sets, 2)))
    repeats = min(max(round(REPLAY_S / max(once_s, 1e-9)), 1), MOST_IN_GRAPH)
    return _agreed(_replayed(torch, call, -(-repeats // call.sets) * call.sets), agree)


def _agreed(timer: Timer, agree: Agree) -> Timer:
    return lambda calls: agree(timer(calls))


def _eager(torch: Any, call: Call) -> Timer:
    def run(calls: int) -> float:
        return _between_events(torch, lambda: [call.run(i % call.sets) for i in range(calls)]) / calls

    return run


def _replayed(torch: Any, call: Call, repeats: int) -> Timer:
    """``repeats`` calls in one graph; capture needs a side stream that has run the call before."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for i in range(call.sets):
            call.run(i)
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        for i in range(repeats):
            call.run(i % call.sets)

    def run(calls: int) -> float:
        replays = -(-calls // repeats)
        graph.replay()  # busies the device while the timed ones are queued: no time of the host is counted
        return _between_events(torch, lambda: [graph.replay() for _ in range(replays)]) / (replays * repeats)

    return run


def _between_events(torch: Any, work: Callable[[], Any]) -> float:
    """Time of the device between two marks on its stream [s]."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    work()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3
