import type { Sandbox } from "./sandbox.ts";
import { writeDocuments } from "./documents.ts";

type Rebuilt = Pick<Sandbox, "hub" | "store" | "alone">;

/** The name of the work of deriving everyone anew, which one process does at a time. */
export const DERIVING = "derive";
const NOTE = { kind: "rebuild", id: "current" };

/**
 * Derives a sandbox anew from its truth. What was dropped must come back, so it is not cancelled, and a process that ends
 * in between leaves a note by which the next one begins again.
 */
export async function rebuildSandbox(
  sandbox: Rebuilt,
  progress: (done: number, total: number) => void = () => undefined,
): Promise<void> {
  await sandbox.alone(DERIVING, () => deriveAnew(sandbox, progress));
}

/** Ends a rebuild that an earlier process left behind; one that another process is at is waited for. */
export async function finishRebuild(sandbox: Rebuilt): Promise<void> {
  await sandbox.alone(DERIVING, async () => {
    if ((await sandbox.store.document(NOTE.kind, NOTE.id)) !== undefined) await deriveAnew(sandbox);
  });
}

async function deriveAnew(
  { hub, store }: Rebuilt,
  progress: (done: number, total: number) => void = () => undefined,
): Promise<void> {
  await writeDocuments(store, [{ ...NOTE, body: { pending: true } }]);
  await hub.rebuild((done, total) => {
    try {
      progress(done, total);
    } catch {
      // cancelled: it goes on to its end
    }
  });
  await writeDocuments(store, [NOTE]);
}
