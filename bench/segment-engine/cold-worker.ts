// The worker of cold-start.ts: compiles audiences on the first request and decides one profile.
import { compileAudiences, type AudiencePlan, type PersonView } from "@tessera/segment-engine";
import type { AudienceDefinition } from "@tessera/xdm";

interface Snapshot {
  readonly audiences: readonly AudienceDefinition[];
  readonly person: PersonView;
  readonly now: number;
}

/** Put in place when the worker is bundled. */
declare const SNAPSHOT: Snapshot;

const { audiences, person, now } = SNAPSHOT;
let plan: AudiencePlan | undefined;

export default {
  fetch(): Response {
    if (plan === undefined) {
      const compiled = compileAudiences(audiences);
      if (!compiled.ok) return new Response("no plan", { status: 500 });
      plan = compiled.value;
    }
    return Response.json([...plan.evaluate(person, now).members]);
  },
};
