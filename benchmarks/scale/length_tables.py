"""Tables of what stages cost by the length of the clip."""

from collections.abc import Mapping, Sequence

from measuring import Cost


def length_table(costs: Mapping[float, Mapping[str, Cost]], stages: Sequence[str]) -> str:
    """Markdown: a row per stage; memory and CPU time per frame for every length, and what a frame more takes.

    Args:
        costs: by the clip's length in minutes, ascending, and the stage's name.
        stages: in the order of the rows.
    """
    lengths = [minutes for minutes in costs if costs[minutes]]
    heads = [f"{_length(minutes)}: MiB, CPU ms/frame" for minutes in lengths]
    rows = [["stage", *heads, "kB per frame more", "CPU ms per frame more"]]
    for stage in stages:
        known = [costs[minutes].get(stage) for minutes in lengths]
        measured = [cost for cost in known if cost is not None]
        if measured:
            rows.append([stage, *map(_cell, known), *_growth(measured[-2:])])
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _cell(cost: Cost | None) -> str:
    return "" if cost is None else f"{cost.peak_mib:.0f}, {1000 * cost.cpu_s / cost.n_frames:.1f}"


def _growth(measured: Sequence[Cost]) -> list[str]:
    """Between the two longest clips, so that neither starts nor buffers that are still filling count."""
    if len(measured) < 2:
        return ["", ""]
    shorter, longer = measured
    more = longer.n_frames - shorter.n_frames
    kilobytes = (longer.peak_mib - shorter.peak_mib) * 1024 * 1.024 / more
    return [f"{kilobytes:.1f}", f"{1000 * (longer.cpu_s - shorter.cpu_s) / more:.2f}"]


def _length(minutes: float) -> str:
    return f"{60 * minutes:.0f} s" if minutes < 1 else f"{minutes:.0f} min" if minutes < 60 else f"{minutes / 60:.0f} h"
