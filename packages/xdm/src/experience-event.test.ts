import { describe, expect, it } from "vitest";
import { parseEvent } from "./experience-event.ts";

const refused: readonly [string, unknown, string, string][] = [
  ["no object", "secret", "event.shape", "event: expected an object, got a string of 6 characters."],
  ["no time", {}, "event.timestamp", "timestamp: Expected a date-time"],
  [
    "a time in no such form",
    { timestamp: "31.12.2026" },
    "event.timestamp",
    "timestamp: Expected a date-time",
  ],
  [
    "an empty id",
    { timestamp: "2026-01-01T00:00:00Z", _id: "" },
    "event.id",
    "_id: expected a string of 1 to",
  ],
];

describe("an event", () => {
  it.each(refused)("is refused with %s, by a message that names the field and no value", (_name, ...rest) => {
    const [input, code, said] = rest;
    const event = parseEvent(input);
    expect(event.ok ? undefined : event.error.code).toBe(code);
    const message = event.ok ? "" : event.error.message;
    expect(message.startsWith(said)).toBe(true);
    expect(message).not.toMatch(/secret|31\.12/);
  });

  it("has its time in UTC", () => {
    expect(parseEvent({ timestamp: "2026-01-01T01:00:00+01:00", x: 1 })).toEqual({
      ok: true,
      value: { timestamp: "2026-01-01T00:00:00.000Z", x: 1 },
    });
  });
});
