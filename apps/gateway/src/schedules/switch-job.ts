import type { Job, Jobs } from "../jobs.ts";
import type { Sandbox } from "../sandbox.ts";

/** Starts working out the edited audiences of a sandbox, in a job; the running one is given back. */
export function startSwitch(jobs: Jobs, { name, hub }: Sandbox): Job {
  return jobs.start(name, "switch audiences", async (progress) => {
    const ids = await hub.switchVersions(progress);
    return ids.map((id) => ({ id, version: hub.configuration().audiences.get(id)?.version }));
  });
}
