"""What nvidia-smi says, the clock of a network's calls, and the table of the real models' speed."""

import os
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from inference_costs import (
    HEADER,
    CallClock,
    Cost,
    machine,
    mean_utilisation,
    measure,
    peak_rss_mib,
    sampling,
    table_row,
)
from reference_stages import N_PEOPLE, standing_tracks, two_people

from nlf_pipeline.artefacts import VideoFacts

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("0\n50\n100\n", 0.5),
        (" 20 \n40\n", 0.3),
        ("80\n100\n1", 0.9),
        ("[N/A]\n30\n[Unknown Error]\n", 0.3),
        ("[Not Supported]\n", None),
        ("No devices were found\n", None),
        ("7", None),
        ("", None),
    ],
)
def test_busy_time_is_the_mean_of_complete_lines_that_are_numbers(text, share):
    assert mean_utilisation(text) == (None if share is None else pytest.approx(share))


def test_a_program_is_heard_while_it_runs_and_ended_afterwards():
    talk = "import time\nwhile True: print(40, flush=True); time.sleep(0.02)"
    with sampling([sys.executable, "-c", talk]) as said:
        patience = time.monotonic() + 20
        while said().count("\n") < 3 and time.monotonic() < patience:
            time.sleep(0.02)
        assert mean_utilisation(said()) == 0.4


@pytest.mark.parametrize("command", [(), ["no-such-program-anywhere"]])
def test_without_a_program_nothing_is_heard(command):
    with sampling(command) as said:
        assert said() == ""


class Sleeper:
    def short(self):
        time.sleep(0.02)
        return "short"

    def long(self):
        self.short()
        time.sleep(0.02)
        return "long"

    def fail(self):
        time.sleep(0.02)
        raise ValueError


def test_calls_within_calls_count_once_and_others_not_at_all():
    sleeper, clock = Sleeper(), CallClock([(Sleeper, "short"), (Sleeper, "long")])
    started = time.perf_counter()
    with clock.running():
        assert sleeper.long() == "long"
        inside = time.perf_counter() - started
        time.sleep(0.05)
    sleeper.short()
    assert 0.04 <= clock.seconds <= inside


def test_a_call_that_fails_counts_too_and_methods_are_put_back():
    original, clock = Sleeper.fail, CallClock([(Sleeper, "fail")])
    with clock.running(), pytest.raises(ValueError):
        Sleeper().fail()
    assert clock.seconds >= 0.02 and Sleeper.fail is original


def test_a_network_is_clocked_as_a_share_of_the_work():
    layer = torch.nn.Linear(8, 8)

    def work():
        layer(torch.zeros(1, 8))
        time.sleep(0.1)
        return "told"

    cost, told = measure(work, CPU, [(torch.nn.Linear, "forward")])
    assert told == "told" and cost.wall_s >= 0.1
    assert cost.in_network is not None and 0 < cost.in_network < 1
    assert cost.rss_mib > 10 and cost.cuda_mib is None and cost.gpu_busy is None


def test_on_a_gpu_nvidia_smi_is_asked_about_the_one_that_torch_uses(tmp_path, monkeypatch):
    tool, asked = tmp_path / "nvidia-smi", tmp_path / "asked"
    tool.write_text(f'#!/bin/sh\necho "$@" > {asked}\nwhile true; do echo 70; sleep 0.02; done\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    waits = []
    gpu = {
        "synchronize": lambda: waits.append(None),
        "reset_peak_memory_stats": lambda: None,
        "max_memory_allocated": lambda: 3 << 20,
        "get_device_properties": lambda device: SimpleNamespace(uuid="ffc79498-8ff3"),
    }
    for name, answer in gpu.items():
        monkeypatch.setattr(torch.cuda, name, answer)

    def work():
        patience = time.monotonic() + 20
        while not (asked.exists() and asked.read_text()) and time.monotonic() < patience:
            time.sleep(0.02)
        time.sleep(0.3)
        return ""

    cost, _ = measure(work, torch.device("cuda"), [(torch.nn.Linear, "forward")])
    assert cost.cuda_mib == 3 and cost.gpu_busy == pytest.approx(0.7)
    assert cost.in_network is None and len(waits) == 2, "nothing runs on when the clock starts and stops"
    assert "--id=GPU-ffc79498-8ff3" in asked.read_text() and "-lms 200" in asked.read_text()


def test_work_without_a_network_says_nothing_of_one():
    assert measure(lambda: "", CPU, [])[0].in_network is None


def test_the_peak_is_that_of_resident_memory():
    assert peak_rss_mib("VmPeak:\t 9000000 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\n") == 2


def test_rows_fit_the_header():
    unknown = table_row("segment", "STCN", 8, Cost(4.0, 6.0, 1024.4, None, None, None))
    assert unknown == "| segment | STCN | 8 | 0.5 | 0.75 | 2 | 1024 | - | - | - |"
    known = table_row("segment", "STCN", 8, Cost(4.0, 6.0, 1024.4, 512.0, 0.876, 0.0))
    assert known.endswith("| 1024 | 512 | 88% | 0% |")
    assert {line.count("|") for line in (*HEADER.splitlines(), unknown, known)} == {11}


def test_the_machine_is_one_line():
    line = machine(CPU, "processor\t: 0\nmodel name\t: Some CPU: 3 GHz\nmodel name\t: Some CPU: 3 GHz\n")
    assert line.startswith("Some CPU: 3 GHz, ") and torch.__version__ in line and "no GPU" in line
    assert "\n" not in line and machine(CPU, "").startswith("CPU, ")


@pytest.mark.parametrize("size_px", [(1280, 720), (90, 160), (64, 64)])
def test_people_stand_inside_the_picture_and_apart(size_px):
    masks = two_people(size_px)
    assert len(masks) == N_PEOPLE and all(mask.shape == size_px[::-1] for mask in masks)
    arrays = np.array([mask.to_array() > 0 for mask in masks])
    assert arrays.any((1, 2)).all() and arrays.sum(0).max() == 1
    tracks = standing_tracks(VideoFacts("clip", *size_px, 25.0, 3))
    assert tracks.visible.shape == (N_PEOPLE, 3) and tracks.visible.all()
