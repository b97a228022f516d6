"""Run benchmarks: `python -m benchmarks [NAME...]` calls `main()` of benchmarks/bench_NAME.py.

Options go to the benchmark, which must then be one: `python -m benchmarks explorer --help`.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from importlib import import_module
from pathlib import Path

BY_NAME = ("recipes",)
"""Benchmarks of half an hour or more: run when named."""


def names() -> list[str]:
    """Return the names of all benchmarks, sorted."""
    return sorted(path.stem[6:] for path in Path(__file__).parent.glob("bench_*.py"))


def main(argv: list[str] | None = None) -> int:
    """Run the named benchmarks, or all; 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}")
    argv = sys.argv[1:] if argv is None else argv
    if len(argv) > 1 and argv[0] in names() and argv[1].startswith("-"):
        import_module(f"benchmarks.bench_{argv[0]}").main(argv[1:])
        return 0
    chosen = parser.parse_args(argv).names or [name for name in names() if name not in BY_NAME]
    unknown = sorted(set(chosen) - set(names()))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(names())}")
    failed = []
    for name in chosen:
        print(f"== {name}", flush=True)
        try:
            import_module(f"benchmarks.bench_{name}").main()
        except Exception:  # one benchmark that fails must not hide the others; told at the end
            traceback.print_exc()
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
