"""People whose true motion is known, and what an estimator with NLF's errors makes of them, as the workflow's files.

`specs.CLIPS` lists the clips and `making.make_clip` makes one. Planted feet do not move, so all sliding that is found
later is error. The true world is right-handed, y up, floor at y = 0, metres; camera axes as in docs/conventions.md.
"""
