"""GPU, driver, torch and codecs are judged by made-up facts."""

import sys
from pathlib import Path

import pytest

from nlf_pipeline.diagnosis.codecs import CodecFacts, codec_facts, codec_findings
from nlf_pipeline.diagnosis.gpu import (
    Gpu,
    TorchFacts,
    gpu_findings,
    installed_gpus,
    is_supported,
    is_too_old,
    needed_driver,
    parse_nvidia_smi,
)
from nlf_pipeline.diagnosis.package_findings import package_findings
from nlf_pipeline.diagnosis.packages import PackageFacts, droid_loading_error, loading_error, parse_probe

H200 = Gpu("NVIDIA H200", 139.8, "580.95.05", (9, 0))
CUDA_13 = TorchFacts("2.12.1", "13.0", True, "", ("sm_75", "sm_80", "sm_90", "sm_120", "compute_120"))


def judged(gpus, torch, models="reference"):
    return {f.name: f for f in gpu_findings(gpus, "no such tool", torch, models)}


def test_nvidia_smi_is_read():
    text = "NVIDIA H200, 143771, 580.95.05, 9.0\nQuadro K2000, old, 2048, 390.157\nGrid, [N/A], 525.60.13, [N/A]\n"
    assert parse_nvidia_smi(text) == [
        Gpu("NVIDIA H200", pytest.approx(140.4, abs=0.01), "580.95.05", (9, 0)),
        Gpu("Quadro K2000, old", 2.0, "390.157", None),
        Gpu("Grid", 0.0, "525.60.13", None),
    ]


@pytest.mark.parametrize("text", ["", "No devices were found\n", "NVIDIA-SMI has failed because it couldn't, 1, 2\n"])
def test_complaints_are_no_gpus(text):
    assert parse_nvidia_smi(text) == []


def test_drivers_by_cuda_version():
    assert needed_driver("13.0") == "580.65.06"
    assert needed_driver("12.8") == "525.60.13"
    assert needed_driver("99.0") is None
    assert is_too_old("525.60.13", "580.65.06")
    assert is_too_old("99.1", "450.80.02")
    assert not is_too_old("580.65.06", "580.65.06")


@pytest.mark.parametrize(
    ("capability", "archs", "runs"),
    [
        ((9, 0), ["sm_80", "sm_90"], True),
        ((8, 9), ["sm_80"], True),
        ((8, 0), ["sm_86"], False),
        ((9, 0), ["sm_80"], False),
        ((9, 0), ["sm_80", "compute_80"], True),
        ((12, 0), ["sm_120"], True),
        ((6, 1), ["sm_75", "compute_120"], False),
        ((6, 1), [], False),
    ],
)
def test_kernels_run_on_later_minor_versions_and_portable_code_on_all_later(capability, archs, runs):
    assert is_supported(capability, archs) is runs


def test_a_gpu_that_works_has_nothing_to_cure():
    findings = judged([H200], CUDA_13)
    assert {name: f.state for name, f in findings.items()} == {"GPU": "ok", "driver": "ok", "CUDA": "ok"}
    assert "139.8" not in findings["GPU"].found and "140 GiB" in findings["GPU"].found
    assert list(judged([H200, H200], CUDA_13)) == ["GPU 0", "GPU 1", "driver", "CUDA"]


def test_too_old_a_driver_is_told_with_the_one_that_is_needed():
    finding = judged([Gpu("NVIDIA A100", 80, "535.104.05", (8, 0))], CUDA_13)["driver"]
    assert finding.state == "warning"
    assert "535.104.05 is too old for CUDA 13.0; 580.65.06 or later expected" in finding.found
    assert "update the NVIDIA driver" in finding.cure


def test_too_old_a_gpu_hidden_gpus_and_a_build_without_cuda():
    old = judged([Gpu("GTX 1080", 8, "580.95.05", (6, 1))], CUDA_13)["CUDA"]
    assert "no kernels for compute capability 6.1" in old.found
    hidden = judged([H200], TorchFacts("2.12.1", "13.0", False, "No CUDA GPUs are available", CUDA_13.archs))["CUDA"]
    assert "No CUDA GPUs are available" in hidden.found
    assert "CUDA_VISIBLE_DEVICES" in hidden.cure
    without = judged([H200], TorchFacts("2.13.0+cpu", None, False, "", ()))["CUDA"]
    assert "built without CUDA" in without.found
    assert "make install-reference" in without.cure


def test_no_gpu_matters_to_the_reference_models_only():
    assert judged([], None)["GPU"].state == "warning"
    assert "no such tool" in judged([], None)["GPU"].found
    embedded = judged([], None, "embedded")["GPU"]
    assert (embedded.state, embedded.cure) == ("absent", None)


def test_an_old_driver_that_does_not_know_a_field_is_asked_again(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        '#!/bin/sh\ncase "$1" in *compute_cap*) echo "Field \\"compute_cap\\" is not a valid field"; exit 2;; esac\n'
        'echo "Tesla K80, 11441, 450.51.06"\n'
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (gpu,), complaint = installed_gpus()
    assert (gpu.name, gpu.driver, gpu.capability, complaint) == ("Tesla K80", "450.51.06", None, "")
    tool.write_text('#!/bin/sh\necho "NVIDIA-SMI has failed: no driver"; exit 9\n')
    assert installed_gpus() == ([], "NVIDIA-SMI has failed: no driver")
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert installed_gpus() == ([], "nvidia-smi was not found")


REQUIREMENTS = {"": ["numpy<2", "tqdm"], "reference": ["stcnbuf", "torchvision"]}
INSTALLED = {"numpy": "1.26.4", "tqdm": "4.70", "torch": "2.13.0", "anny": "0.6.2"}


def judged_packages(models="reference", errors=None, modules=(), droid_error="not installed", **versions):
    versions = {**INSTALLED, **versions}
    facts = PackageFacts(REQUIREMENTS, versions, frozenset(modules), errors or {}, droid_error=droid_error)
    return {f.name: f for f in package_findings(facts, models)}


def test_torchvision_that_does_not_fit_torch_is_named():
    errors = {"torchvision": "operator torchvision::nms does not exist"}
    finding = judged_packages(errors=errors, torchvision="0.27.1", stcnbuf="0.2.2")["torchvision"]
    assert finding.state == "missing"
    assert "0.27.1 does not load with torch 2.13.0 (operator torchvision::nms does not exist)" in finding.found
    assert finding.cure == "make install-reference"


def test_packages_that_are_missing_or_too_new_are_named():
    core = judged_packages(numpy="2.1", tqdm=None)["core packages"]
    assert core.state == "missing"
    assert core.found == "numpy 2.1 found, <2 expected; tqdm is not installed"
    assert judged_packages("embedded")["core packages"].state == "ok"
    assert judged_packages("embedded", numpy="2.1")["core packages"].cure == "make install"


def test_what_only_the_reference_models_need_is_absent_for_the_others():
    for name in ("torchvision", "stcnbuf", "DROID-SLAM"):
        assert judged_packages("embedded")[name].state == "absent"
        assert judged_packages("reference")[name].state == "missing"
    whole = judged_packages(droid_error=None, torchvision="1", stcnbuf="1")
    assert {whole[name].state for name in ("torchvision", "stcnbuf", "DROID-SLAM")} == {"ok"}
    assert "camera=klt" in judged_packages()["DROID-SLAM"].cure


def test_droid_is_looked_for_in_the_environment_that_is_named(tmp_path):
    python = tmp_path / "bin" / "python"
    assert droid_loading_error(tmp_path) == f"{python} not found"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "$*" > $0.arguments\n')
    python.chmod(0o755)
    assert droid_loading_error(tmp_path) is None
    assert "masked_droid_slam" in (tmp_path / "bin/python.arguments").read_text()
    python.write_text("#!/bin/sh\necho 'ImportError: cannot import name SE3 from lietorch' >&2; exit 1\n")
    assert droid_loading_error(tmp_path) == "cannot import name SE3 from lietorch"


def test_why_a_module_does_not_load():
    assert loading_error(Path(sys.executable), "json") is None
    assert loading_error(Path(sys.executable), "no_such_module") == "No module named 'no_such_module'"
    assert loading_error(Path(sys.executable), "os; os.abort()") == "crashes with signal 6"
    assert "does not run" in loading_error(Path("/no/such/python"), "json")


def test_blender_is_told_apart_by_what_is_wrong_with_it():
    modules = ["bpy", "blendipose", "memory_tempfile"]
    assert judged_packages(modules=modules)["blendipose"].state == "ok"
    assert "for renderer=blendipose" in judged_packages()["blendipose"].found
    assert judged_packages(modules=modules[:2])["blendipose"].found == "without memory_tempfile"
    error = {"bpy": "libXi.so.6: cannot open shared object file: No such file or directory"}
    assert "libxi6" in judged_packages(modules=modules, errors=error)["blendipose"].cure


def test_system_libraries_that_are_missing_are_cured_by_apt():
    finding = judged_packages(errors={"cv2": "libGL.so.1: cannot open shared object file"})["OpenCV, MediaPipe"]
    assert finding.state == "missing"
    assert "libGL.so.1" in finding.found
    assert "apt-get install -y libegl1 libgl1" in finding.cure


def test_a_crash_while_torch_loads_is_told():
    assert parse_probe("", "", -11) == (None, {"torch": "crashes with signal 11"})
    facts, errors = parse_probe("noise\n", "Traceback\nOSError: libcudart.so.13: no such file\n", 1)
    assert facts is None
    assert errors["torch"].endswith("libcudart.so.13: no such file")
    line = (
        '{"torch": {"version": "2", "cuda": null, "available": false, "reason": "", "archs": ["sm_90"]}, "errors": {}}'
    )
    assert parse_probe(f"a warning\n{line}\n", "", 0) == (TorchFacts("2", None, False, "", ("sm_90",)), {})


def test_codecs():
    here = codec_facts(has_gpu=False)
    assert here.missing == ()
    assert {f.state for f in codec_findings(here, has_gpu=False)} == {"ok"}
    facts = CodecFacts("PyAV", ("H.264",), "Unknown encoder", "Cannot load libnvidia-encode.so.1", None)
    findings = {f.name: f for f in codec_findings(facts, has_gpu=True)}
    assert {name: f.state for name, f in findings.items()} == {
        "reading": "missing", "writing": "missing", "NVENC": "absent", "NVDEC": "ok",
    }  # fmt: skip
    assert "libnvidia-encode" in findings["NVENC"].found
    later = codec_findings(CodecFacts("PyAV", ("AV1",), None, None, None), has_gpu=False)
    assert [f.state for f in later] == ["warning", "ok"]
