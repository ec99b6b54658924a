"""Loads torch and what must fit it, and prints what came of it; a process of its own, since it may crash."""

import importlib
import importlib.util
import json
import warnings
from collections.abc import Callable
from typing import Any


def main() -> None:
    """Print one line of JSON: {"torch": facts or null, "errors": {package: why it does not work}}."""
    errors: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        facts = _attempt("torch", _torch_facts, errors)
        for package, check in (("torchvision", _check_torchvision), ("stcnbuf", _check_stcnbuf)):
            if facts and importlib.util.find_spec(package):
                _attempt(package, check, errors)
    print(json.dumps({"torch": facts, "errors": errors}))


def _attempt(name: str, function: Callable[[], Any], errors: dict[str, str]) -> Any:
    """The function's result; None and an entry in `errors` if it fails, in whatever way."""
    try:
        return function()
    except Exception as error:
        errors[name] = str(error).strip().partition("\n")[0] or type(error).__name__
        return None


def _torch_facts() -> dict[str, Any]:
    import torch

    errors: dict[str, str] = {}
    if torch.version.cuda:
        _attempt("cuda", _compute_on_gpu, errors)
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "available": bool(torch.version.cuda) and not errors,
        "reason": errors.get("cuda", ""),
        "archs": torch.cuda.get_arch_list() if not errors else [],
    }


def _compute_on_gpu() -> None:
    import torch

    if torch.ones(3, device="cuda").sum().item() != 3:
        raise RuntimeError("a sum on the GPU came out wrong")


def _check_torchvision() -> None:
    """Its own operators are the part that a torch of another version does not load."""
    import torch
    from torchvision.ops import nms  # pyright: ignore[reportMissingImports]

    nms(torch.zeros(1, 4), torch.zeros(1), 0.5)


def _check_stcnbuf() -> None:
    importlib.import_module("stcnbuf.model.eval_network")


if __name__ == "__main__":
    main()
