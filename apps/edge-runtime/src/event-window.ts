import { type ExperienceEvent, formatInstant } from "@tessera/xdm";
import { createSlot } from "./slot.ts";

/** The events kept of one profile at most; the oldest leave first. */
const MAX_EVENTS = 500;
/** From this many events on their ids are remembered, so that a repeated one is found without looking at each. */
const MANY = 16;

const ids = createSlot<readonly ExperienceEvent[], Set<string>>("ids of events");

/** Whether a window holds an event with this `_id`. */
export function holdsEvent(window: readonly ExperienceEvent[], id: string): boolean {
  const known = ids.read(window);
  return known === undefined ? window.some((event) => event["_id"] === id) : known.has(id);
}

/**
 * The window with `event` in its place by time (`undefined`: none is new), without those before `oldest` (milliseconds
 * since 1970). The same object when nothing changed.
 */
export function moveWindow(
  held: readonly ExperienceEvent[],
  event: ExperienceEvent | undefined,
  oldest: number,
): readonly ExperienceEvent[] {
  const limit = formatInstant(oldest);
  let from = 0;
  while (isBefore(held[from], limit)) from++;
  let place = held.length;
  if (event !== undefined) while (place > from && !isBefore(held[place - 1], event.timestamp, true)) place--;
  const isTooOld =
    event === undefined || isBefore(event, limit) || (place === from && held.length - from >= MAX_EVENTS);
  if (isTooOld) return from === 0 ? held : held.slice(from);
  from = Math.max(from, held.length + 1 - MAX_EVENTS);
  const events = held.slice(from);
  if (place === held.length) events.push(event);
  else events.splice(place - from, 0, event);
  const known = ids.take(held) ?? (held.length < MANY ? undefined : new Set(held.map(({ _id }) => _id)));
  if (known !== undefined) {
    for (let index = 0; index < from; index++) known.delete(held[index]?._id ?? "");
    ids.put(events, known.add(event._id));
  }
  return events;
}

function isBefore(event: ExperienceEvent | undefined, at: string, orAt = false): boolean {
  return event !== undefined && (event.timestamp < at || (orAt && event.timestamp === at));
}
