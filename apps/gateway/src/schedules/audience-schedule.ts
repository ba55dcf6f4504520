import { Cron } from "croner";
import type { HubStore } from "@tessera/profile-store";
import { err, type Issue, ok, type Result } from "@tessera/xdm";
import { claimDocument, writeDocuments } from "../documents.ts";

/** When a batch audience is evaluated. */
export interface AudienceSchedule {
  readonly audienceId: string;
  /** Minute, hour, day of month, month, day of week; a leading field counts seconds. */
  readonly cron: string;
  /** IANA name, such as Europe/Berlin. */
  readonly timezone: string;
  /** Milliseconds: when it last ran, or was set. */
  readonly lastAt: number;
}

const KIND = "audienceSchedule";

/** Sets the schedule of an audience; `cron` undefined removes it. */
export async function saveAudienceSchedule(
  store: HubStore,
  given: { readonly audienceId: string; readonly cron: string | undefined; readonly timezone: string },
  now: number,
): Promise<Result<AudienceSchedule | undefined, readonly Issue[]>> {
  const { audienceId: id, cron, timezone } = given;
  if (cron === undefined) {
    await writeDocuments(store, [{ kind: KIND, id }]);
    return ok(undefined);
  }
  const schedule: AudienceSchedule = { audienceId: id, cron, timezone, lastAt: now };
  const issue = issueOf(schedule);
  if (issue !== undefined) return err([issue]);
  if (await writeDocuments(store, [{ kind: KIND, id, body: schedule }])) return ok(schedule);
  return err([{ code: "conflict", message: "Someone else set this schedule meanwhile. Try again." }]);
}

/** All schedules, by audience. */
export async function audienceSchedules(store: HubStore): Promise<ReadonlyMap<string, AudienceSchedule>> {
  return new Map(
    (await store.documents(KIND)).map(({ id, body }) => [id, body as unknown as AudienceSchedule]),
  );
}

/** The next run of a schedule after its last one, in milliseconds. */
export function nextEvaluation({ cron, timezone, lastAt }: AudienceSchedule): number | undefined {
  return new Cron(cron, { timezone, paused: true }).nextRun(new Date(lastAt))?.getTime();
}

/** Takes the audiences that are due, each for one process only; `before` is told of them beforehand. */
export async function claimDueAudiences(
  store: HubStore,
  now: number,
  before?: (audienceIds: readonly string[]) => Promise<void>,
): Promise<readonly string[]> {
  const isDue = (schedule: AudienceSchedule): boolean => {
    const next = nextEvaluation(schedule);
    return next !== undefined && next <= now;
  };
  const ids = [...(await audienceSchedules(store))].flatMap(([id, schedule]) =>
    isDue(schedule) ? [id] : [],
  );
  if (ids.length > 0) await before?.(ids);
  const due: string[] = [];
  for (const id of ids) {
    const claimed = await claimDocument(store, { kind: KIND, id }, (body) =>
      body !== undefined && isDue(body as unknown as AudienceSchedule) ? { ...body, lastAt: now } : undefined,
    );
    if (claimed) due.push(id);
  }
  return due;
}

function issueOf(schedule: AudienceSchedule): Issue | undefined {
  const wrong = (field: "cron" | "timezone", expected: string): Issue => ({
    code: `schedule.${field}`,
    path: [field],
    expected,
    message: `${field}: expected ${expected}. Correct it and try again.`,
  });
  try {
    Intl.DateTimeFormat("en", { timeZone: schedule.timezone });
  } catch {
    return wrong("timezone", "the IANA name of a time zone, such as UTC or Europe/Berlin");
  }
  try {
    if (nextEvaluation(schedule) !== undefined) return undefined;
  } catch {
    // told below
  }
  return wrong("cron", "five or six cron fields that come true, such as 0 3 * * *");
}
