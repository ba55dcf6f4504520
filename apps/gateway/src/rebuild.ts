import type { LinkingRules } from "@tessera/identity-graph";
import type { Issue, Result } from "@tessera/xdm";
import type { Sandbox } from "./sandbox.ts";
import { writeDocuments } from "./documents.ts";

type Rebuilt = Pick<Sandbox, "hub" | "store" | "alone">;
type Progress = (done: number, total: number) => void;

/** The name of the work of deriving everyone anew, which one process does at a time. */
const DERIVING = "derive";
const NOTE = { kind: "rebuild", id: "current" };
const RULES_NOTE = { kind: "rulesChange", id: "current" };

/**
 * Derives a sandbox anew from its truth. What was dropped must come back, so it is not cancelled, and a process that ends
 * in between leaves a note by which the next one begins again.
 */
export async function rebuildSandbox(sandbox: Rebuilt, progress: Progress = () => undefined): Promise<void> {
  await sandbox.alone(DERIVING, () => deriveAnew(sandbox, progress));
}

/**
 * Puts linking rules in force and derives everyone anew under them. Persons half of whom are linked by other rules are none
 * that anybody wants, so it is not cancelled, and a process that ends in between leaves a note as well.
 */
export async function changeLinkingRules(
  sandbox: Rebuilt,
  rules: unknown,
  progress: Progress,
): Promise<Result<LinkingRules, readonly Issue[]>> {
  return sandbox.alone(DERIVING, () => changeRules(sandbox, rules, progress));
}

/** Ends what an earlier process left behind; what another process is at is waited for. */
export async function finishDeriving(sandbox: Rebuilt): Promise<void> {
  const { hub, store } = sandbox;
  const isLeft = async ({ kind, id }: typeof NOTE): Promise<boolean> =>
    (await store.document(kind, id)) !== undefined;
  await sandbox.alone(DERIVING, async () => {
    if (await isLeft(NOTE)) await deriveAnew(sandbox);
    if (await isLeft(RULES_NOTE)) await changeRules(sandbox, hub.configuration().ruleSettings);
  });
}

async function changeRules(
  { hub, store }: Rebuilt,
  rules: unknown,
  progress: Progress = () => undefined,
): Promise<Result<LinkingRules, readonly Issue[]>> {
  await writeDocuments(store, [{ ...RULES_NOTE, body: { pending: true } }]);
  const changed = await hub.setLinkingRules(rules, toTheEnd(progress));
  await writeDocuments(store, [RULES_NOTE]);
  return changed;
}

async function deriveAnew({ hub, store }: Rebuilt, progress: Progress = () => undefined): Promise<void> {
  await writeDocuments(store, [{ ...NOTE, body: { pending: true } }]);
  await hub.rebuild(toTheEnd(progress));
  await writeDocuments(store, [NOTE]);
}

function toTheEnd(progress: Progress): Progress {
  return (done, total) => {
    try {
      progress(done, total);
    } catch {
      // cancelled: it goes on to its end
    }
  };
}
