"""Clips that test the tracking of cameras: drawn scenes, seen by cameras whose truth is known exactly.

`clips.CLIPS` lists them and `making.make_clip` makes one. Those called `heldout_*` are for judging, never for tuning.
World: right-handed, y up, floor at y = 0, metres; camera axes and pixels as in docs/conventions.md.
"""
