"""Plotly's script, served from the installed package: compressed once, kept for a year by browsers."""

import gzip
import re
from functools import cache
from importlib.metadata import version
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from api.problems import not_found

router = APIRouter(include_in_schema=False)
_STYLE_ID = re.compile(rb'getElementById\("([0-9a-f]{64})"\)')
FOREVER = "public, max-age=31536000, immutable"
"""The version is part of the address: what is behind it never changes."""


@cache
def plotly_path() -> str:
    """Address of the script of the installed version."""
    return f"/static/vendor/plotly-{version('plotly')}.min.js"


@cache
def plotly_style_ids() -> tuple[str, ...]:
    """Ids under which the script looks for style elements of its own, and adds them where there is none.

    The policy of our pages refuses such elements; an empty one of that id keeps the script from trying. They
    are the rules of its street maps, which no page of ours has.
    """
    found = _STYLE_ID.findall(gzip.decompress(_compressed()))
    return tuple(dict.fromkeys(name.decode() for name in found))


@cache
def _compressed() -> bytes:
    script = (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    return gzip.compress(script, compresslevel=6, mtime=0)


@router.get("/static/vendor/{name}")
def plotly_script(request: Request, name: str) -> Response:
    """The script; compressed unless the client does not take that."""
    if f"/static/vendor/{name}" != plotly_path():
        raise not_found("script", name)
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    content = _compressed()
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        content = gzip.decompress(content)
    return Response(content, media_type="text/javascript", headers=headers)
