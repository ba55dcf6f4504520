import type { MongoStore } from "@tessera/store-mongodb";
import type { MembershipChange } from "@tessera/xdm";
import type { Sandbox } from "../sandbox.ts";

const PERIOD = 1_000;
/** Changes that are remembered as told. */
const TOLD_MAX = 50_000;

/**
 * Calls back with the membership changes of every process that shares the store, each once: those of this process after
 * their commit, those of others within a second or two. Until the returned function is called.
 */
export function followMemberships(
  {
    follow,
    shared,
  }: Pick<Sandbox, "follow"> & { readonly shared?: Pick<MongoStore, "membershipsSince"> | undefined },
  listener: (change: MembershipChange) => void,
  onError: (error: unknown) => void,
): () => void {
  if (shared === undefined) return follow((changes) => changes.forEach(listener));
  const told = new Set<string>();
  /** Whether a change was not told before; it counts as told from now on. */
  const isNews = (change: MembershipChange): boolean => {
    const { personId, namespace, audienceId, from, to, at, version } = change;
    const key = JSON.stringify([personId, namespace, audienceId, from, to, at, version]);
    if (told.has(key)) return false;
    if (told.size >= TOLD_MAX) told.delete(told.values().next().value ?? "");
    told.add(key);
    return true;
  };
  const tell = (change: MembershipChange): void => {
    if (isNews(change)) listener(change);
  };
  const unfollow = follow((changes) => changes.forEach(tell));
  let mark: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const look = async (): Promise<void> => {
    try {
      const isFirst = mark === undefined;
      const found = await shared.membershipsSince(mark ?? (await shared.membershipsSince()).mark);
      mark = found.mark;
      // what was there already when this began is no news
      for (const change of found.changes) {
        if (isFirst) isNews(change);
        else if (!isOver) tell(change);
      }
    } catch (error) {
      onError(error);
    }
    if (!isOver) timer = setTimeout(() => void look(), PERIOD).unref();
  };
  void look();
  return () => {
    isOver = true;
    clearTimeout(timer);
    unfollow();
  };
}
