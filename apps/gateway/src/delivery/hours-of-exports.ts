import { busiestHour, type Dataflow, exportHours, type HourOfExports } from "@tessera/destinations";
import type { Hub } from "@tessera/hub";
import type { HubStore } from "@tessera/profile-store";
import { parseInstant } from "@tessera/xdm";
import { audienceSchedules, type AudienceSchedule, nextEvaluation } from "../schedules/audience-schedule.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/**
 * The busiest hour of a dataflow's file exports beside all the others of the sandbox; `undefined` when it exports nothing
 * by the clock. Audiences that wait for their evaluation count in the hours in which that is scheduled.
 */
export async function hoursOfExports(
  dataflow: Dataflow,
  { hub, store }: { readonly hub: Hub; readonly store: HubStore },
  now: number,
): Promise<HourOfExports | undefined> {
  const evaluated = new Map<string, readonly number[]>();
  for (const [id, schedule] of await audienceSchedules(store)) evaluated.set(id, evaluationHours(schedule));
  const hoursOf = ({ audiences }: Dataflow): readonly (readonly number[])[] =>
    audiences
      .filter(({ endsAt }) => endsAt === undefined || !isOver(endsAt, now))
      .map(({ id, schedule }) => exportHours(schedule, evaluated.get(id)));
  const others = [...hub.destinations().values()]
    .filter(({ configured }) => configured.kind === "batch-file")
    .flatMap(({ dataflows }) => dataflows)
    .filter(({ id, enabled }) => enabled && id !== dataflow.id);
  return busiestHour(hoursOf(dataflow), others.flatMap(hoursOf));
}

/** The hours of the day (UTC) in which an audience is evaluated, on the day of its next evaluation. */
function evaluationHours(schedule: AudienceSchedule): readonly number[] {
  const hours = new Set<number>();
  const first = nextEvaluation(schedule);
  let next = first;
  while (first !== undefined && next !== undefined && next < first + DAY) {
    hours.add(new Date(next).getUTCHours());
    // On with the last moment of this hour: what runs more often counts once.
    next = nextEvaluation({ ...schedule, lastAt: Math.floor(next / HOUR) * HOUR + HOUR - 1 });
  }
  return [...hours].sort((a, b) => a - b);
}

function isOver(endsAt: string, now: number): boolean {
  const parsed = parseInstant(endsAt);
  return parsed.ok && parsed.value <= now;
}
