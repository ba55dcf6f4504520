import { fromStored, type PersonFinder, toStored } from "@tessera/profile-store";
import { AT_ONCE, type Collections } from "./collections.ts";
import { dropAttributeIndexes, indexAttributes } from "./person-part.ts";
import { fragmentFilter } from "./push-down.ts";

/** Finds persons by indexes of the deployment on what their fragments say. */
export function createMongoFinder(
  { fragments }: Collections,
  asked: <T>(work: () => Promise<T>) => Promise<T>,
): PersonFinder {
  return {
    index: async (paths, { onProgress }) => {
      for (const [index, path] of paths.entries()) {
        onProgress?.(index, paths.length);
        await asked(() => indexAttributes({ fragments }, [path]));
      }
      onProgress?.(paths.length, paths.length);
    },
    drop: (paths) => asked(() => dropAttributeIndexes({ fragments }, paths)),
    find: async ({ condition, after, limit }) => {
      if (limit < 1) return [];
      const behind = after === "" ? {} : { _id: { $gt: toStored(after) } };
      const stages = [
        { $match: { ...behind, ...fragmentFilter(condition) } },
        { $sort: { _id: 1 } },
        { $limit: limit },
        { $project: { _id: 1 } },
      ];
      const found = await asked(() => fragments.aggregate<{ _id: string }>(stages, AT_ONCE).toArray());
      return found.map(({ _id }) => fromStored(_id));
    },
  };
}
