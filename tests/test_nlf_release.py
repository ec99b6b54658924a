"""Changing the source of NLF's release so that it runs on a CPU."""

import pytest
import torch

from nlf_pipeline.checkpoints import load_torchscript
from nlf_pipeline.errors import UserError
from nlf_pipeline.estimators.nlf_release import in_single_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("code", "edited"),
    [
        ("x = torch.to(im, 5)", "x = torch.to(im, 6)"),
        ("x = torch.mul_(torch.to(im, 5), 5)", "x = torch.mul_(torch.to(im, 6), 5)"),
        ("torch.to(torch.slice(im, 0, 5, 5), 5, False)", "torch.to(torch.slice(im, 0, 5, 5), 6, False)"),
        ('torch.to(torch.to(a, 5), "cuda:0", 5)', 'torch.to(torch.to(a, 6), "cuda:0", 6)'),
        ("torch.arange(5, dtype=5, device=d)", "torch.arange(5, dtype=6, device=d)"),
        ("torch.to(im, dtype=5)", "torch.to(im, dtype=6)"),
        ("torch.to(im, 6)", "torch.to(im, 6)"),
        ("torch.to(im, 15)", "torch.to(im, 15)"),
        ("torch.zeros([5, 5])", "torch.zeros([5, 5])"),
        ("torch.eq(ops.prim.dtype(im), 5)", "torch.eq(ops.prim.dtype(im), 5)"),
        ("x = torch.to(im, 5", "x = torch.to(im, 5"),
    ],
)
def test_only_conversions_to_half_precision_become_others(code, edited):
    assert in_single_precision(code) == edited


class Halving(torch.nn.Module):
    """Computes in half precision, as NLF's release does."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 2, 1).half()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer((x[:, :, :5].to(torch.float16) * 5).half())


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_module_computes_the_same_more_exactly(tmp_path):
    torch.manual_seed(0)
    module, x = Halving().eval(), torch.rand(1, 3, 8, 8)
    torch.jit.save(torch.jit.script(module), str(tmp_path / "half.pt"))
    single = load_torchscript(tmp_path / "half.pt", CPU, "NLF", in_single_precision).float()
    found = single(x)
    assert found.dtype == torch.float32
    weight, bias = (values.float() for values in module.layer.parameters())
    exact = torch.nn.functional.conv2d(5 * x[:, :, :5], weight, bias)
    torch.testing.assert_close(found, exact, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(found, module(x).float(), atol=1e-2, rtol=1e-2)


def test_a_damaged_archive_is_told(tmp_path):
    (tmp_path / "half.pt").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(UserError, match="cannot be read as weights of NLF"):
        load_torchscript(tmp_path / "half.pt", CPU, "NLF", in_single_precision)
