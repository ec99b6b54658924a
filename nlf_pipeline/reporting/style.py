"""How the page looks: by day and by night, on a phone and on paper."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2126; --soft: #5b6670; --page: #fbfbfa; --card: #fff; --line: #d9dee2;
  --good: #1a7f4b; --check: #a86400; --poor: #c2332e; --measured: #7f93a5; --filled: #e0a83a; --repaired: #6f6fd0;
  --missing: #c2332e; --doubt: #b13fa6; --grid: #e6eaed; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaed; --soft: #9aa6b0; --page: #14181b; --card: #1c2125;
  --line: #343c43; --good: #4fc387; --check: #e5a63c; --poor: #f0766f; --measured: #647687; --filled: #d79b2b;
  --repaired: #8c8cf0; --missing: #e0625b; --doubt: #d97ad0; --grid: #283036; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 1.2rem 1rem 3rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; }
h3 { font-size: 1.05rem; margin: 0; overflow-wrap: anywhere; } p { margin: .3rem 0; } p, li { overflow-wrap: anywhere; }
header { display: grid; gap: .3rem; border-bottom: 1px solid var(--line); padding-bottom: 1rem; }
.top, .head { display: flex; flex-wrap: wrap; align-items: center; gap: .6rem; }
.soft, .facts, figcaption { color: var(--soft); } .facts { font-size: .9rem; }
.badge { border-radius: 1rem; padding: .05rem .65rem; font-weight: 650; font-size: .85rem; border: 1.5px solid;
  white-space: nowrap; } h1 + .badge { font-size: 1.05rem; }
.badge.good, td.good { color: var(--good); } .badge.check, td.check { color: var(--check); }
.badge.poor, td.poor { color: var(--poor); } td.check, td.poor { font-weight: 650; }
.swatch { display: inline-block; width: .85em; height: .85em; border-radius: .2em; margin-right: .45em;
  border: 1px solid #0003; vertical-align: -.05em; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 550; } td.number, th.number { text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; } td.name { white-space: nowrap; max-width: 16em; overflow: hidden;
  text-overflow: ellipsis; } a { color: inherit; }
article { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1rem;
  margin: .8rem 0; break-inside: avoid; }
.thumbs { display: flex; flex-wrap: wrap; gap: .6rem; margin: .6rem 0; } figure { margin: 0; }
figcaption { font-size: .8rem; } .thumbs img { display: block; border-radius: .3rem; max-width: 100%; }
.plots { display: grid; gap: .4rem 1.2rem; grid-template-columns: repeat(auto-fit, minmax(min(260px, 100%), 1fr)); }
svg { display: block; max-width: 100%; } .plot { width: 100%; max-width: 420px; height: auto; }
.plan { height: auto; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
.curve { fill: none; stroke-width: 1.3; stroke-linejoin: round; } .axis { stroke: var(--line); }
.limit { stroke-dasharray: 4 3; } .limit.good { stroke: var(--good); } .limit.poor { stroke: var(--poor); }
.limit.zero { stroke: var(--soft); } .cut { stroke: var(--soft); stroke-dasharray: 2 2;
  vector-effect: non-scaling-stroke; }
text { fill: var(--soft); font-size: 10px; } text.end { text-anchor: end; } text.name { fill: var(--ink);
  font-size: 12px; paint-order: stroke; stroke: var(--card); stroke-width: 3px; }
.grid { stroke: var(--grid); } .scalebar { fill: none; stroke: var(--soft); } .plan .tick { font-size: 11px; }
.walk { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.start { fill: var(--card); stroke-width: 2; }
.camera-path { fill: none; stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 4 3; }
.camera { fill: var(--soft); fill-opacity: .35; stroke: var(--soft); } .camera.first { fill: none; }
.row { display: grid; grid-template-columns: minmax(5.5em, 9em) 1fr; align-items: center; gap: .6rem;
  margin: .15rem 0; }
.row > :first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: .9rem; }
.timeline { width: 100%; height: 26px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.absent { fill: var(--grid); } .measured { fill: var(--measured); } .repaired { fill: var(--repaired); }
.filled { fill: var(--filled); } .missing { fill: var(--missing); } .doubt { fill: var(--doubt); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .85rem; color: var(--soft); }
.key { display: inline-block; width: 1em; height: .75em; margin-right: .4em; border-radius: .15em; }
i.absent { background: var(--grid); } i.measured { background: var(--measured); }
i.repaired { background: var(--repaired); }
i.filled { background: var(--filled); } i.missing { background: var(--missing); } i.doubt { background: var(--doubt); }
ol, ul { margin: .3rem 0; padding-left: 1.3rem; } summary { cursor: pointer; color: var(--soft); margin-top: .5rem; }
code { font: .9em ui-monospace, "DejaVu Sans Mono", monospace; }
h2, h3 { break-after: avoid; }
@media print { html { font-size: 11px; } body { max-width: none; padding: 0; background: #fff; font-size: 11px; }
  article { background: none; } .plots { grid-template-columns: repeat(3, 1fr); }
  .scroll { overflow: visible; } table { font-size: 10px; } th, td { padding: .15rem .35rem; }
  h2 { margin: 1rem 0 .3rem; } .plan { max-height: 9cm; width: auto; } .thumbs img { max-height: 3.2cm; width: auto; } }
"""
