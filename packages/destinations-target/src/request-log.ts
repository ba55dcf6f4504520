import type { Dataflow, FinishedItem } from "@tessera/destinations";
import { digest } from "@tessera/xdm";
import type { TargetProfile } from "./connection.ts";

/** One profile request that was answered. `at` is ISO 8601; `id` names the request. */
export interface AnsweredRequest {
  readonly id: string;
  readonly at: string;
  readonly personId: string;
  readonly dataflow: Dataflow;
  readonly profile: TargetProfile;
}

/**
 * The delivery log's line of a profile request, so that the log also says what Target learnt by asking: the audiences
 * and the names of the attributes it was given.
 */
export function requestLogItem({ id, at, personId, dataflow, profile }: AnsweredRequest): FinishedItem {
  const itemId = digest(`${dataflow.id}\n${id}\n${personId}`);
  const changes = profile.audiences.map(({ id: audienceId, namespace }) => ({
    audienceId,
    namespace,
    status: "realized" as const,
    at,
  }));
  return {
    at,
    outcome: { kind: "delivered" },
    item: {
      id: itemId,
      destinationId: dataflow.destinationId,
      dataflowId: dataflow.id,
      lanes: [personId],
      enqueuedAt: at,
      payload: {
        kind: "profile",
        item: {
          id: itemId,
          personId,
          trigger: "membership",
          at,
          identities: [],
          attributes: profile.attributes,
          changes,
          memberships: {},
        },
      },
    },
  };
}
