"""Generated clips of people who are hard to tell apart over time, with exact masks of everybody.

Drawn by the demo's renderer. Who walks where is in `choreographies`, what people look like in `dressing`, and
`making` draws the clips.
"""
