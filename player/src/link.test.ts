import assert from "node:assert/strict";
import { test } from "node:test";
import { formatLink, parseLink } from "./link";
import { DEFAULTS } from "./settings";

test("a link brings back moment, view and choices", () => {
  const settings = { ...DEFAULTS, view: "camera", video: "corner", follow: 7 } as const;
  const { time, settings: read } = parseLink(formatLink(3.2, settings));
  assert.equal(time, 3.2);
  assert.deepEqual(read, { view: "camera", video: "corner", follow: 7 });
});

test("what a link may not say is left out", () => {
  assert.deepEqual(parseLink("#t=-4&view=evil&follow=x&speed=9"), { time: null, settings: {} });
  assert.deepEqual(parseLink(""), { time: null, settings: {} });
});
