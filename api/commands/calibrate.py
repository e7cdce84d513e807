"""``shardwright calibrate --from FILE``: fit a correction to benchmark results of one's own."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.ending import ends_cleanly
from api.commands.reading import read_text, stem_of
from models.errors import InvalidInput

if TYPE_CHECKING:
    from models.precision import Precision

STDOUT = "-"
MAX_FILE_BYTES = 64 * 2**20
Degree = Annotated[int | None, typer.Option(min=1, max=1_000_000)]


@ends_cleanly
def command(  # noqa: PLR0913
    files: Annotated[
        list[str],
        typer.Option(
            "--from", metavar="FILE", help="Benchmark result; may be repeated. - is standard input."
        ),
    ],
    out: Annotated[
        str | None, typer.Option(metavar="OUT.json", help="Where the calibration goes; - is standard output.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the calibration; else that of the file.")] = None,
    model: Annotated[str | None, typer.Option(help="Model, where a file names none that is known.")] = None,
    device: Annotated[str | None, typer.Option(help="Device, likewise.")] = None,
    engine: Annotated[str | None, typer.Option(help="Engine, likewise.")] = None,
    engine_version: Annotated[str | None, typer.Option(help="Version of the engine.")] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="fp8, or weights=fp8,moe_weights=fp8,kv=fp8; else the checkpoint's own."),
    ] = None,
    tp: Degree = None,
    pp: Degree = None,
    dp: Degree = None,
    ep: Degree = None,
    devices: Annotated[
        int | None, typer.Option(help="Devices of all replicas; else one replica.", min=1, max=1_000_000)
    ] = None,
) -> None:
    """Fit a correction of the predictions to benchmark results of your own."""
    from models import codec
    from planner.calibrate import calibrate
    from planner.calibration.told import Told, canonical

    _check_target(out, files)
    told = Told(
        model=model, device=device, engine=engine, engine_version=engine_version, tp=tp, pp=pp, dp=dp, ep=ep,
        devices=devices, precision=read_precision(precision),
    )  # fmt: skip
    try:
        told = canonical(told)
    except InvalidInput as error:
        raise InvalidInput(error.message, pointer=f"--{error.pointer[1:]}", hint=error.hint) from None
    texts = [(_shown(file), read_text(file, max_bytes=MAX_FILE_BYTES)) for file in files]
    made = calibrate(texts, told, name=name or stem_of(files[0]))
    text = codec.to_json(made.fit.calibration) + "\n"
    if out == STDOUT:
        sys.stdout.write(text)
        return
    if out is not None:
        Path(out).write_text(text, encoding="utf-8")
    _print(made)


def _print(made: object) -> None:
    from api.render.answer import terminal
    from api.render.calibration_table import print_calibration
    from planner.calibrate import Calibrated

    assert isinstance(made, Calibrated)
    print_calibration(made, terminal())


def read_precision(text: str | None) -> "Precision | None":
    """Formats from ``fp8`` or ``weights=fp8,kv=fp8``.

    Raises
    ------
    InvalidInput
        An unknown format or name.
    """
    from models import codec
    from models.precision import Precision

    if text is None:
        return None
    pairs = [part.split("=", 1) if "=" in part else ["weights", part] for part in text.split(",")]
    names = [pair[0].strip() for pair in pairs]
    if len(set(names)) < len(names):
        raise InvalidInput(f"{text!r:.80} gives one format twice", pointer="--precision")
    try:
        return codec.from_plain(
            Precision, {name: pair[1].strip() for name, pair in zip(names, pairs, strict=True)}
        )
    except InvalidInput as error:
        raise InvalidInput(
            f"{text!r:.80}: {error.pointer.lstrip('/')}: {error.message}",
            pointer="--precision",
            hint="Maybe fp8, or weights=fp8,kv=fp8.",
        ) from None


def _check_target(out: str | None, files: list[str]) -> None:
    """A result must never replace what it was made from."""
    if out in (None, STDOUT):
        return
    target = Path(str(out))
    if target.is_dir():
        raise InvalidInput(f"--out {out} is a directory", hint="Maybe name a file inside it.")
    if any(
        file != STDOUT and Path(file).exists() and target.exists() and target.samefile(file) for file in files
    ):
        raise InvalidInput(f"--from and --out are the same file {out}", hint="Maybe write to another file.")


def _shown(file: str) -> str:
    """Name of a file without its folder."""
    return "standard input" if file == STDOUT else Path(file).name
