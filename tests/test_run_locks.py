"""One run at a time works on a video, and a run may work on more videos than a process usually holds files open."""

import os
import subprocess
import sys

import pytest

from nlf_pipeline.errors import UserError
from nlf_pipeline.file_locks import is_locked
from nlf_pipeline.workflow.run_lock import hold_locks

MANY = """
import resource, sys
from pathlib import Path
from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.run_lock import hold_locks
resource.setrlimit(resource.RLIMIT_NOFILE, (600, 2000))
try:
    print(len(hold_locks([f"v{i}" for i in range(int(sys.argv[1]))], Path(sys.argv[2]))))
except UserError as error:
    print(error)
"""


def test_a_video_is_held_until_it_is_given_back(tmp_path):
    held = hold_locks(["a", "b"], tmp_path)
    assert is_locked(tmp_path / "a") and not is_locked(tmp_path / "c")
    with pytest.raises(UserError, match="b: another run is working on it"):
        hold_locks(["c", "b"], tmp_path)
    for descriptor in held:
        os.close(descriptor)
    assert not is_locked(tmp_path / "a")


@pytest.mark.parametrize(("n", "told"), [(1200, "1200"), (5000, "expected at most 1488")])
def test_a_run_over_thousands_of_videos(tmp_path, n, told):
    command = [sys.executable, "-c", MANY, str(n), str(tmp_path)]
    assert told in subprocess.run(command, capture_output=True, text=True, check=True).stdout
