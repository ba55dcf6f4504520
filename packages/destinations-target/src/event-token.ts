/** What a token in a display or click notification stands for. */
export interface EventTokenContent {
  readonly activityId: number;
  readonly experienceId: number;
  readonly location: string;
  readonly event: "display" | "click";
}

/** The token of an event of an experience at a location: opaque to clients, read back by `readEventToken`. */
export function eventToken({ activityId, experienceId, location, event }: EventTokenContent): string {
  const bytes = new TextEncoder().encode(
    `${event === "click" ? "c" : "d"}:${activityId}:${experienceId}:${location}`,
  );
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** What a token stands for; `undefined` when it is none of ours. */
export function readEventToken(token: string): EventTokenContent | undefined {
  try {
    const bytes = Uint8Array.from(atob(token), (character) => character.charCodeAt(0));
    const match = /^([cd]):(\d{1,15}):(\d{1,9}):(.+)$/s.exec(new TextDecoder().decode(bytes));
    if (!match) return undefined;
    const [, event, activity, experience, location = ""] = match;
    return {
      activityId: Number(activity),
      experienceId: Number(experience),
      location,
      event: event === "c" ? "click" : "display",
    };
  } catch {
    return undefined;
  }
}
