"""Rules that have the workflow's jobs and files, and nothing else."""

import csv

_OUTPUT, _RULE, _INPUTS = "output_file", "rule", "input-file(s)"


def bare_rules(summary: str, video_id: str) -> str:
    """A Snakefile without its first line, which says what VIDEOS is.

    Args:
        summary: what `snakemake --detailed-summary` says after a finished run of one video.
        video_id: that video's.

    Returns:
        A rule for every job, and one that wants all files that no rule reads, for each of VIDEOS.
    """
    jobs: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for row in _rows(summary):
        inputs = tuple(dict.fromkeys(part for part in row[_INPUTS].split(",") if part))
        jobs.setdefault((row[_RULE], inputs), []).append(row[_OUTPUT])
    read = {path for _, inputs in jobs for path in inputs}
    last = sorted({path for outputs in jobs.values() for path in outputs} - read)
    wanted = [_general(path, video_id) for path in last if video_id in path]
    rules = [f"rule all:\n    input:\n        expand({wanted}, video=VIDEOS),\n"]
    for (name, inputs), outputs in jobs.items():
        files = {"input": inputs, "output": tuple(outputs)}
        parts = [
            f"    {part}:\n        {', '.join(repr(_general(path, video_id)) for path in paths)},\n"
            for part, paths in files.items()
            if paths
        ]
        rules.append(f"rule {name}_{len(rules)}:\n{''.join(parts)}    shell:\n        'touch {{output}}'\n")
    constraint = "wildcard_constraints:\n    video='[A-Za-z0-9_-]{1,64}',\n"
    return "\n\n".join([constraint, *rules])


def _rows(summary: str) -> list[dict[str, str]]:
    lines = summary.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(_OUTPUT))
    found = csv.DictReader(lines[first:], delimiter="\t", quoting=csv.QUOTE_NONE)
    return [row for row in found if row[_RULE] and row[_INPUTS] is not None]


def _general(path: str, video_id: str) -> str:
    return path.replace(video_id, "{video}")
