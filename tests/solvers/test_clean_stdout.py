"""What a library prints by itself never reaches standard output."""

import ctypes
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from solvers.backends.clean_stdout import clean_stdout


def c_print(text: str) -> None:
    ctypes.CDLL(None).printf(b"%s\n", text.encode())


@pytest.mark.skipif(sys.platform == "win32", reason="the C library is loaded by another name there")
def test_lines_of_a_c_library_go_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with clean_stdout(), clean_stdout():
        c_print("noise")
    print("answer", flush=True)
    out, err = capfd.readouterr()
    assert out == "answer\n"
    assert "noise" in err


@pytest.mark.skipif(sys.platform == "win32", reason="the C library is loaded by another name there")
def test_concurrent_uses_restore_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    def noisy(i: int) -> None:
        with clean_stdout():
            c_print(f"noise {i}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(noisy, range(50)))
    print("answer", flush=True)
    out, err = capfd.readouterr()
    assert out == "answer\n"
    assert err.count("noise") == 50
