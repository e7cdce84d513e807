"""What a certificate says (``shardwright.certificate/1``), read and not yet believed."""

from __future__ import annotations

from dataclasses import dataclass

from solvers.verification.column_sums import with_sums
from solvers.verification.program_arrays import ProgramArrays, read_program
from solvers.verification.reading import Field, Unreadable

SCHEMA = "shardwright.certificate/1"
Multipliers = tuple[tuple[int, float], ...]
"""Pairs of row and multiplier; rows that are left out have multiplier 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A node that splits its box: ``below`` has the column <= ``at_most``, ``above`` has it larger."""

    column: int
    at_most: int
    below: int
    above: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """Multipliers that bound the objective over a box, or prove that the box holds no point."""

    infeasible: bool
    multipliers: Multipliers


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A cover of the whole space: node 0 is the root, a node is a branch or the index of a leaf.

    Columns and rows are those of ``program``: the one of the certificate and, after its own, the sums.
    """

    program: ProgramArrays
    bound: float | None
    nodes: tuple[Branch | int, ...]
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What one replica of a column is; ``devices`` is claimed, ``degrees`` follows from the parallelism."""

    deployment: str
    role: str
    pool: str
    devices: int
    degrees: int
    parallelism: Field
    precision: Field
    power_level: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A solution: values of the columns that are not zero, and the columns of the plan's groups in order.

    A group has one column, or one for every period of the plan.
    """

    id: str
    objective: float
    values: dict[int, float]
    groups: tuple[tuple[int, ...], ...]

    def columns(self) -> list[int]:
        """Give the columns of all groups."""
        return [column for columns in self.groups for column in columns]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateDocument:
    """One certificate; ``max_leaves`` is the largest tree that is written, where the file says so."""

    scenario_sha256: str
    program_sha256: str
    program: ProgramArrays
    groups: dict[int, Descriptor]
    points: dict[str, Point]
    lp_bound: float | None
    lp_multipliers: Multipliers
    bound: float | None
    tree: Tree | None
    max_leaves: int | None


def read_certificate(field: Field) -> CertificateDocument:
    """Read a certificate.

    Raises
    ------
    Unreadable
        Another schema, a missing field, a value of another kind, an index that leads nowhere.
    """
    schema = field.at("schema")
    if schema.text() != SCHEMA:
        raise Unreadable(f"{schema.text()!r:.60} is not {SCHEMA}", schema.pointer)
    several = field.get("frontier")
    if several is not None:
        raise Unreadable("holds several certificates: they are verified one by one", several.pointer)
    if field.at("program").value is None:
        raise Unreadable("there is no program to check: no configuration met the limits", "/program")
    program = read_program(field.at("program"))
    max_leaves, tree = field.get("max_leaves"), field.get("tree")
    return CertificateDocument(
        scenario_sha256=field.at("scenario_sha256").text(),
        program_sha256=field.at("program_sha256").text(),
        program=program,
        groups={
            _column(key, item, program.n_cols): _descriptor(item)
            for key, item in field.at("groups").entries()
        },
        points=_points(field.at("plans"), program.n_cols),
        lp_bound=field.at("lp", "bound").number_or_none(),
        lp_multipliers=_multipliers(field.at("lp", "multipliers"), program.n_rows),
        bound=field.at("bound").number_or_none(),
        tree=None if tree is None else read_tree(tree, program),
        max_leaves=None if max_leaves is None else max_leaves.integer(),
    )


def _column(key: str, item: Field, n_cols: int) -> int:
    if not (key.isascii() and key.isdigit() and str(int(key[:9])) == key and int(key) < n_cols):
        raise Unreadable(f"{key!r:.40} is no column below {n_cols}", item.pointer)
    return int(key)


def _descriptor(field: Field) -> Descriptor:
    level = field.get("power_level")
    degrees = 1
    for degree in ("tp", "cp", "dp", "pp"):
        degrees *= field.at("parallelism", degree).integer()
    return Descriptor(
        deployment=field.at("deployment").text(),
        role=field.at("role").text(),
        pool=field.at("pool").text(),
        devices=field.at("devices").integer(),
        degrees=degrees,
        parallelism=field.at("parallelism"),
        precision=field.at("precision"),
        power_level=None if level is None else level.text(),
    )


def _points(field: Field, n_cols: int) -> dict[str, Point]:
    points: dict[str, Point] = {}
    for item in field.elements():
        point = Point(
            id=item.at("id").text(),
            objective=item.at("objective").number(),
            values=dict(_pairs(item.at("point"), n_cols)),
            groups=tuple(_group_columns(group, n_cols) for group in item.at("groups").elements()),
        )
        if point.id in points:
            raise Unreadable(f"{point.id!r:.60} is given twice", item.at("id").pointer)
        points[point.id] = point
    return points


def _group_columns(field: Field, n_cols: int) -> tuple[int, ...]:
    columns = field.elements() if isinstance(field.value, list) else [field]
    return tuple(column.integer(below=n_cols) for column in columns)


def _multipliers(field: Field, n_rows: int) -> Multipliers:
    return tuple(_pairs(field, n_rows))


def _pairs(field: Field, count: int) -> list[tuple[int, float]]:
    """Pairs of an index and a number; an index given twice is refused."""
    pairs = []
    for item in field.elements():
        item.sequence(2)
        index, number = item.elements()
        pairs.append((index.integer(below=count), number.number()))
    if len({index for index, _ in pairs}) < len(pairs):
        raise Unreadable("gives an index twice", field.pointer)
    return pairs


def read_tree(field: Field, program: ProgramArrays) -> Tree:
    """Read a tree; whether it covers the space is left to the proof."""
    program = with_sums(program, field.get("sums"))
    return Tree(
        program=program,
        bound=field.at("bound").number_or_none(),
        nodes=tuple(_node(node, program.n_cols) for node in field.at("nodes").elements()),
        leaves=tuple(_leaf(leaf, program.n_rows) for leaf in field.at("leaves").elements()),
    )


def _node(field: Field, n_cols: int) -> Branch | int:
    leaf = field.get("leaf")
    if leaf is not None:
        return leaf.integer()
    return Branch(
        column=field.at("column").integer(below=n_cols),
        at_most=field.at("at_most").integer(),
        below=field.at("below").integer(),
        above=field.at("above").integer(),
    )


def _leaf(field: Field, n_rows: int) -> Leaf:
    kind = field.at("kind")
    if kind.text() not in ("bound", "infeasible"):
        raise Unreadable(f"{kind.text()!r:.40} is neither bound nor infeasible", kind.pointer)
    return Leaf(
        infeasible=kind.text() == "infeasible",
        multipliers=_multipliers(field.at("multipliers"), n_rows),
    )
