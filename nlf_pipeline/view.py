"""Command `view`: look at a result in the browser, of any length, also while the run is going on."""

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.states.video_states import known_videos

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


def view(
    video_id: Annotated[Positional[str], arg(metavar="VIDEO_ID")],
    /,
    *,
    results: Path = Path("results"),
    host: str = "127.0.0.1",
    port: int = 0,
    open: bool = True,
    body: Path | None = None,
) -> None:
    """Serve the player's page with a video's results until Ctrl-C; it follows a run that is still going on.

    Args:
        video_id: the video.
        results: folder with one folder per video; logs/ and resources/ are looked for beside it.
        host: address to listen at. 127.0.0.1: only this machine can look; 0.0.0.0: everybody who reaches it.
        port: to listen at; 0 takes any that is free.
        open: open the page in the browser, where there is a display.
        body: folder of the body model; by default the one in resources/body_models that the bodies belong to.

    Raises:
        UserError: if there is no such video, if the port is in use, or if this package was installed without the
            player.
    """
    from nlf_pipeline.player_page.followed_run import FollowedRun
    from nlf_pipeline.player_page.range_server import RangeServer

    logs = results.parent / "logs"
    _check_video(video_id, results, logs)
    run = FollowedRun(video_id, results, logs, results.parent / "resources" / "body_models", body)
    routes = run.routes()
    try:
        server = RangeServer(host, port, routes)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"cannot listen at {host}, port {port}: {str(error).rstrip('.')}. Give another port (--port 0 takes any "
            "that is free), or another host."
        ) from None
    with server:
        url = _url(host, server.server_address[1])
        print(f"{url}\nCtrl-C ends this. {_advice(host, server.server_address[1])}", flush=True)
        if open and any(name in os.environ for name in _DISPLAYS):
            webbrowser.open(url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(file=sys.stderr)


def _check_video(video_id: str, results: Path, logs: Path) -> None:
    known = known_videos(results, logs)
    if video_id not in known:
        there = ", ".join(known[:20]) or "none"
        raise UserError(
            f"{video_id}: no such video in {results.absolute()}, found {there}. Go to where the workflow runs, name "
            f"the folder (--results DIR), or make it: snakemake --config video_id={video_id}"
        )


def _url(host: str, port: int) -> str:
    shown = (
        "127.0.0.1" if host in ("0.0.0.0", "") else "[::1]" if host == "::" else f"[{host}]" if ":" in host else host
    )
    return f"http://{shown}:{port}/"


def _advice(host: str, port: int) -> str:
    if host not in ("127.0.0.1", "localhost", "::1"):
        return "Everybody who reaches this machine can look."
    return f"From another machine: ssh -L {port}:127.0.0.1:{port} THIS_MACHINE, then open this address there."
