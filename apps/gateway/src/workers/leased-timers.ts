import type { Hub } from "@tessera/hub";
import { formatInstant } from "@tessera/xdm";
import { everySoOften, type LeasedWork, PERSON_RANGES, personsOfRange } from "./leased-work.ts";
import type { Partitions } from "./partitions.ts";

/** How often due persons are looked for, in milliseconds, and how many at once. */
const PERIOD = 1_000;
const PAGE = 500;

/** Follows persons whose windows lapse, each range of them in one process at a time. */
export function startLeasedTimers(
  { divide }: LeasedWork,
  { hub, clock }: { readonly hub: Hub; readonly clock: () => number },
): Partitions {
  let noted = "";
  const turn = async (range: string, isOver: () => boolean): Promise<void> => {
    while (!isOver() && (await hub.runTimers(PAGE)) === PAGE);
    const today = formatInstant(clock()).slice(0, 10);
    if (isOver() || range !== PERSON_RANGES[0] || today === noted) return;
    await hub.noteUsage();
    noted = today;
  };
  return divide({
    role: "timers",
    parts: () => PERSON_RANGES,
    personsOf: personsOfRange,
    work: (range, held) =>
      everySoOften(held, { pauseMs: PERIOD, turn: () => turn(range, () => held.ended.aborted) }),
  });
}
