"""Which GPUs jobs may share out: what the user set, what nvidia-smi tells, and how they are told apart."""

import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.gpus import devices as gpu_devices
from nlf_pipeline.workflow.gpus.choice import Lease, chosen_devices, too_large, unclaimed
from nlf_pipeline.workflow.gpus.devices import (
    Device,
    host_resources,
    parse_gpus,
    parse_instances,
    physical_memory_mb,
    shared_out_devices,
    visible_tokens,
)

TWO = """0, GPU-11111111-2222, NVIDIA GeForce RTX 3090, 24576, 20000, [N/A]
1, GPU-11113333-4444, NVIDIA GeForce RTX 3090, 24576, 24000, Disabled
"""
CUT_UP = "0, GPU-aa, NVIDIA A100, 80GB, 81920, 80000, Enabled\n1, GPU-bb, NVIDIA A100, 80GB, 81920, 80000, Disabled\n"
LISTED = """GPU 0: NVIDIA A100 80GB (UUID: GPU-aa)
  MIG 3g.40gb     Device  0: (UUID: MIG-cc)
  MIG 1g.10gb+me  Device  1: (UUID: MIG-dd)
GPU 1: NVIDIA A100 80GB (UUID: GPU-bb)
"""


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """A host with the nodes of two devices and the nvidia-smi that the test writes."""
    dev = tmp_path / "dev"
    dev.mkdir()
    for node in ("nvidia0", "nvidia1", "nvidiactl"):
        (dev / node).touch()
    monkeypatch.setattr(gpu_devices, "DEV", dev)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def write(text):
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!{sys.executable} -IS\n{text}\n")
        tool.chmod(0o755)

    return write


def answering(text, listed=""):
    return f"import sys\nprint({listed!r} if sys.argv[1] == '-L' else {text!r})"


def test_gpus_are_called_by_their_uuids_with_what_memory_is_free(smi):
    smi(answering(TWO))
    assert shared_out_devices({}) == [
        Device("GPU-11111111-2222", "GPU-11111111-2222", 24576 - 500, 4576, "0"),
        Device("GPU-11113333-4444", "GPU-11113333-4444", 24576 - 500, 576, "1"),
    ]
    assert host_resources({}) == {"gpu": 8, "vram_mb": 2 * 24076, "mem_mb": physical_memory_mb()}


@pytest.mark.parametrize("visible", ["1", "GPU-11113333-4444", "GPU-11113", " 1 ,-1,0"])
def test_index_and_uuid_mean_the_same_gpu_and_keep_the_name_that_the_user_gave(smi, visible):
    smi(answering(TWO))
    (device,) = shared_out_devices({"CUDA_VISIBLE_DEVICES": visible})
    assert device.key == "GPU-11113333-4444" and device.label == "GPU 1"
    assert device.token == visible.strip().partition(" ")[0]


def test_one_gpu_named_twice_is_one(smi):
    smi(answering(TWO))
    assert len(shared_out_devices({"CUDA_VISIBLE_DEVICES": "0,GPU-11111111-2222,1"})) == 2


def test_index_of_gpus_of_several_kinds_counts_only_in_the_order_of_the_bus(smi):
    smi(answering(TWO.replace("24576", "12288", 1)))
    (unsure,) = shared_out_devices({"CUDA_VISIBLE_DEVICES": "1"})
    assert (unsure.token, unsure.total_mb) == ("1", None)
    (sure,) = shared_out_devices({"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"})
    assert sure.key == "GPU-11113333-4444"


def test_gpus_cut_up_by_mig_are_shared_out_by_instance(smi):
    smi(answering(CUT_UP, LISTED))
    assert [device.token for device in shared_out_devices({})] == ["MIG-cc", "MIG-dd", "GPU-bb"]
    (chosen,) = shared_out_devices({"CUDA_VISIBLE_DEVICES": "MIG-dd"})
    assert chosen.total_mb == 9700 and chosen.label == "GPU 0 instance 1"


@pytest.mark.parametrize("tool", ["import time; time.sleep(20)", "print('No devices were found'); raise SystemExit(6)"])
def test_without_an_answer_device_nodes_are_counted(smi, monkeypatch, tool):
    monkeypatch.setattr(gpu_devices, "_TIMEOUT_S", 0.3)
    smi(tool)
    started = time.monotonic()
    assert [(device.token, device.total_mb) for device in shared_out_devices({})] == [("0", None), ("1", None)]
    assert time.monotonic() - started < 15
    assert host_resources({})["gpu"] == 2 and "vram_mb" not in host_resources({})
    assert [device.token for device in shared_out_devices({"CUDA_VISIBLE_DEVICES": "1"})] == ["1"]


def test_chosen_memory_is_all_that_is_shared_out(smi):
    smi(answering(TWO))
    first, second = shared_out_devices({"NLF_PIPELINE_GPUS": "1:6000, 0"})
    assert (first.key, first.total_mb, first.used_mb) == ("GPU-11113333-4444", 6000, 0)
    assert (second.key, second.total_mb, second.used_mb) == ("GPU-11111111-2222", 24076, 4576)
    (only,) = shared_out_devices({"NLF_PIPELINE_GPUS": "1:6000,0", "CUDA_VISIBLE_DEVICES": "1"})
    assert only == first


@pytest.mark.parametrize("text", ["two", "0:much", "0;1", "-1"])
def test_unreadable_choice_is_named(text):
    with pytest.raises(UserError, match=f"NLF_PIPELINE_GPUS: found '{text}'.*0:20000,1"):
        shared_out_devices({"NLF_PIPELINE_GPUS": text})
    assert host_resources({"NLF_PIPELINE_GPUS": text})["gpu"] == 1


@pytest.mark.skipif(bool(list(Path("/dev").glob("nvidia[0-9]*"))), reason="there is a GPU")
def test_host_without_gpu_runs_networks_one_at_a_time():
    assert shared_out_devices({}) == shared_out_devices({"CUDA_VISIBLE_DEVICES": "0"}) == []
    assert set(host_resources({})) == {"gpu", "mem_mb"} and host_resources({})["gpu"] == 1
    assert host_resources({})["mem_mb"] > 100


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("0,1", ["0", "1"]), ("", []), ("-1", []), ("NoDevFiles", []), ("2,-1,3", ["2"]), (" 1, 1,0", ["1", "0"]),
     ("GPU-a1,MIG-b2", ["GPU-a1", "MIG-b2"])],
)  # fmt: skip
def test_visible_devices_are_read_as_cuda_reads_them(text, tokens):
    assert visible_tokens(text) == tokens


def test_answers_of_nvidia_smi_are_parsed_and_its_complaints_are_not():
    gpus, cut_up = parse_gpus(CUT_UP)
    assert [gpu.total_mb for gpu in gpus] == [81420, 81420] and cut_up == {"GPU-aa"}
    assert {gpu: [device.total_mb for device in found] for gpu, found in parse_instances(LISTED).items()} == {
        "GPU-aa": [38800, 9700]
    }
    assert parse_gpus("0, GPU-aa, NVIDIA GB10, [N/A], [N/A], [N/A]")[0] == [Device("GPU-aa", "GPU-aa", name="0")]
    assert parse_gpus("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n") == ([], set())


MEGABYTES = st.integers(1, 30)
SHARES = st.lists(st.tuples(st.sampled_from("abc"), st.none() | MEGABYTES), max_size=4)


@given(
    totals=st.lists(st.none() | MEGABYTES, min_size=1, max_size=3),
    used=st.lists(st.integers(0, 30), min_size=3, max_size=3),
    shares=SHARES,
    n=st.integers(1, 3),
    vram_mb=st.none() | MEGABYTES,
    waited_s=st.sampled_from([0.0, 1000.0]),
)
def test_what_is_chosen_fits(totals, used, shares, n, vram_mb, waited_s):
    devices = [Device(key, key, total, used_mb) for key, total, used_mb in zip("abc", totals, used, strict=False)]
    others = [Lease(i, 1, "", ("a", "b", "c"), (share,)) for i, share in enumerate(shares)]
    chosen = chosen_devices(devices, others, n, vram_mb, waited_s)
    assert len({device.key for device in chosen}) == len(chosen) in (0, n)

    def fits(device):
        held = [share for key, share in shares if key == device.key]
        if device.total_mb is None or vram_mb is None:
            return not held
        if None in held or sum(held) + vram_mb > device.total_mb:
            return False
        return waited_s > 300 or device.used_mb + vram_mb <= device.total_mb

    assert all(map(fits, chosen)) and bool(chosen) == (sum(map(fits, devices)) >= n)


def test_most_room_is_taken_first():
    devices = [Device("a", "a", 20, 15), Device("b", "b", 20, 5), Device("c", "c", 40, 0)]
    leased = [Lease(1, 1, "", ("c",), (("c", 5),))]
    assert [device.key for device in chosen_devices(devices, leased, 3, 3)] == ["b", "a", "c"]


def test_need_beyond_all_is_told_from_one_that_only_has_to_wait():
    devices = [Device("a", "a", 20), Device("b", "b", 10)]
    assert not too_large(devices, 1, 20) and too_large(devices, 2, 20) and too_large(devices, 1, 21)
    assert not too_large(devices, 2, None) and not too_large([Device("a", "a")], 1, 10**6)


def test_devices_are_left_to_those_who_wait_longer():
    devices = [Device("a", "a"), Device("b", "b")]
    mine = Lease(5, 1, "", ("a", "b"))
    for other, left in [
        (Lease(4, 1, "", ("a",)), ["b"]),
        (Lease(6, 1, "", ("a",)), ["a", "b"]),
        (Lease(4, 1, "", ("a",), (("a", None),)), ["a", "b"]),
        (Lease(4, 1, "", ("a",), is_stopped=True), ["a", "b"]),
        (Lease(4, 1, "", ("a", "b")), []),
    ]:
        assert [device.key for device in unclaimed(devices, mine, [other])] == left
