import type { Sandbox } from "./sandbox.ts";
import { writeDocuments } from "./documents.ts";

const NOTE = { kind: "rebuild", id: "current" };

/**
 * Derives a sandbox anew from its truth. What was dropped must come back, so it is not cancelled, and a process that ends
 * in between leaves a note by which the next one begins again.
 */
export async function rebuildSandbox(
  { hub, store }: Pick<Sandbox, "hub" | "store">,
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

/** Ends a rebuild that an earlier process left behind. */
export async function finishRebuild(sandbox: Pick<Sandbox, "hub" | "store">): Promise<void> {
  if ((await sandbox.store.document(NOTE.kind, NOTE.id)) !== undefined) await rebuildSandbox(sandbox);
}
