"""How a run ends before it begins: with all that the user has to put right, and nothing else."""

import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from nlf_pipeline.errors import UserError

Result = TypeVar("Result")


def all_or_stop(calls: Iterable[tuple[Callable[..., Result], *tuple[Any, ...]]]) -> list[Result]:
    """The results of all calls, each a function and its arguments.

    Raises:
        SystemExit: with the messages of all users' mistakes, each once.
    """
    results, problems = [], []
    for function, *arguments in calls:
        try:
            results.append(function(*arguments))
        except UserError as error:
            problems.append(f"error: {error}")
    if problems:
        sys.exit("\n".join(dict.fromkeys(problems)))
    return results


def or_stop(function: Callable[..., Result], *arguments: Any) -> Result:
    """The result of one call.

    Raises:
        SystemExit: with the message of the user's mistake.
    """
    return all_or_stop([(function, *arguments)])[0]
