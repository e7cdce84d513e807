"""Runs tasks of arrays in a second process, where there are enough of them to pay for it.

A forked child shares all that was read so far and sends back what it worked out; objects both sides have
are named, not sent. Whatever happens to the child, the answer is the same: its tasks are then done here.
"""

import io
import os
import pickle
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")
PROCESSES = 2


def side_by_side(
    tasks: Sequence[Task],
    work: Callable[[Task], Outcome],
    *,
    sizes: Sequence[float],
    shared: Sequence[Any],
    worth: float,
) -> list[Outcome]:
    """Results of all tasks, in their order.

    Parameters
    ----------
    tasks, work
        What to do; the result depends on the task alone.
    sizes
        Expected work of each task.
    shared
        Objects that results refer to and that both processes have.
    worth
        Work from which a second process pays.
    """
    if sum(sizes) < worth or not hasattr(os, "fork") or _processors() < PROCESSES:
        return [work(task) for task in tasks]
    here, there = _halves(sizes)
    child, reader = _start([tasks[i] for i in there], work, shared)
    done = {i: work(tasks[i]) for i in here}
    answers = _collect(child, reader, shared)
    if answers is None:
        answers = [work(tasks[i]) for i in there]
    done.update(zip(there, answers, strict=True))
    return [done[i] for i in range(len(tasks))]


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _halves(sizes: Sequence[float]) -> tuple[list[int], list[int]]:
    """Largest first, each to the half with less work so far."""
    halves: tuple[list[int], list[int]] = ([], [])
    load = [0.0, 0.0]
    for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i], i)):
        lighter = load.index(min(load))
        halves[lighter].append(i)
        load[lighter] += sizes[i]
    return halves


def _start(tasks: Sequence[Task], work: Callable[[Task], Outcome], shared: Sequence[Any]) -> tuple[int, int]:
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    # the child: nothing of the parent's clean-up may run here, so it ends without
    status = 1
    try:
        os.close(reader)
        with os.fdopen(writer, "wb") as out:
            out.write(_packed([work(task) for task in tasks], shared))
        status = 0
    finally:
        os._exit(status)


def _collect(child: int, reader: int, shared: Sequence[Any]) -> list[Any] | None:
    """What the child worked out; None where it did not get to the end."""
    with os.fdopen(reader, "rb") as source:
        content = source.read()
    _, status = os.waitpid(child, 0)
    return _unpacked(content, shared) if os.waitstatus_to_exitcode(status) == 0 else None


def _packed(results: list[Any], shared: Sequence[Any]) -> bytes:
    number = {id(one): i for i, one in enumerate(shared)}
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.persistent_id = lambda one: number.get(id(one))  # type: ignore[method-assign]
    pickler.dump(results)
    return buffer.getvalue()


def _unpacked(content: bytes, shared: Sequence[Any]) -> list[Any]:
    unpickler = pickle.Unpickler(io.BytesIO(content))
    unpickler.persistent_load = lambda number: shared[number]  # type: ignore[method-assign]
    results: list[Any] = unpickler.load()
    return results
