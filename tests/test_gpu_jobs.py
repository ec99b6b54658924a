"""What the doctor tells of GPUs that jobs share."""

import os

from nlf_pipeline.diagnosis.gpu_jobs import gpu_job_findings, share_findings
from nlf_pipeline.workflow.gpus.choice import Lease
from nlf_pipeline.workflow.gpus.devices import Device
from nlf_pipeline.workflow.gpus.lease import leasing_gpus


def test_doctor_tells_who_holds_which_gpu_and_who_waits():
    devices = [Device("0", "GPU-aa", 24000, name="0"), Device("1", "GPU-bb", name="1")]
    leases = [
        Lease(1, 11, "dance: estimate", ("GPU-aa",), (("GPU-aa", 8000),)),
        Lease(2, 12, "walk: segment", ("GPU-bb",), (("GPU-bb", None),)),
        Lease(3, 13, "run: segment", ("GPU-bb",)),
    ]
    assert [(finding.name, finding.found) for finding in share_findings(devices, leases)] == [
        ("shared out", "GPU 0 (24000 MB), GPU 1 (one job at a time)"),
        ("process 11", "dance: estimate holds GPU 0 (8000 MB)"),
        ("process 12", "walk: segment holds GPU 1 (all of it)"),
        ("process 13", "run: segment waits"),
    ]


def test_living_leases_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("NLF_PIPELINE_GPUS", "0:9000")
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    with leasing_gpus(1, 4000, "dance: estimate"):
        assert [finding.found for finding in gpu_job_findings(os.environ)][1:] == [
            "dance: estimate holds GPU 0 (4000 MB)"
        ]
    assert len(gpu_job_findings(os.environ)) == 1
    assert gpu_job_findings({"CUDA_VISIBLE_DEVICES": ""}) == []


def test_what_cannot_be_read_is_a_warning_with_its_cure():
    (finding,) = gpu_job_findings({"NLF_PIPELINE_GPUS": "many"})
    assert finding.state == "warning" and "found 'many'" in finding.found and str(finding.cure).startswith("Correct it")
