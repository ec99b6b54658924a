"""What the workflow changes in Snakemake changes nothing that it says."""

from workflow_runs import Run


def counts(result):
    assert result.returncode == 0, result.stderr
    return (result.stdout + result.stderr).partition("Job stats:")[2].partition("total")[0]


def test_a_quiet_dry_run_plans_the_same_jobs(tmp_path):
    run = Run(tmp_path)
    run.add_video("a.mp4")
    told = run.snakemake("--dry-run", "--config", "video_id=a")
    quiet = run.snakemake("--dry-run", "--quiet", "rules", "host", "--config", "video_id=a")
    assert counts(quiet) == counts(told) and "segment" in counts(quiet)
    assert "a: find and follow people" in told.stdout + told.stderr
    assert "find and follow" not in quiet.stdout + quiet.stderr
