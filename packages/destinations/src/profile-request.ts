import type { DestinationDefinition } from "./definition.ts";
import { forEveryItem } from "./outcome.ts";

/** `plan` and `interpret` of destinations that ask for profiles: nothing is exported, and what is tried is refused. */
export const profileRequest: Pick<DestinationDefinition<unknown>, "plan" | "interpret"> = {
  plan: (batch) => {
    const items = [...batch.items].map(({ id }) => id);
    const outcomes = forEveryItem(items, { kind: "rejected", code: "batch.profile-request" });
    return items.length === 0 ? [] : [{ kind: "settled", outcomes }];
  },
  interpret: (request) =>
    request.kind === "settled"
      ? request.outcomes
      : forEveryItem(request.items, { kind: "rejected", code: "batch.profile-request" }),
};
