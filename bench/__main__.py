"""Every benchmark: ``python -m bench ROOM [PART ...]``; without a room, a list of them.

``python -m bench runs RUN ...`` makes the tables of finished runs, and
``python -m bench pages`` writes every page anew from the figures in ``bench/results``.
"""

from __future__ import annotations

import argparse

from bench import headline, runs
from bench.rooms import ROOMS


def usage() -> str:
    """The rooms with their parts."""
    lines = ["room        parts"]
    for room in ROOMS.values():
        lines.append(f"{room.name:<12}{' '.join(room.parts)}")
    lines += ["runs        RUN ...", "pages"]
    return "\n".join(lines)


def main() -> None:
    """Measure what is named, and write its pages."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=usage(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("room", nargs="?", choices=[*ROOMS, "runs", "pages"])
    parser.add_argument("parts", nargs="*", help="default: every part of the room")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    if given.room is None:
        print(usage())
        return
    if given.room == "runs":
        runs.measure_all(given.parts)
    elif given.room == "pages":
        for room in ROOMS.values():
            room.write_page()
        runs.write_pages()
    else:
        room = ROOMS[given.room]
        unknown = sorted(set(given.parts) - set(room.parts))
        if unknown:
            parser.error(
                f"parts of {room.name}: {', '.join(room.parts)}; not {unknown}"
            )
        for part in given.parts or room.parts:
            room.measure(part, given.seed)
        print(room.write_page())
    headline.write()


if __name__ == "__main__":
    main()
