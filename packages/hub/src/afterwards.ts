import type { Progress } from "./derive-everyone.ts";

/**
 * How work over all persons is done that a change brings about. The change is saved already, and whoever made it is
 * answered when this resolves: with the end of the work, or earlier, while it goes on. `name` says what it is, and ends
 * with the id that it is about.
 */
export type Afterwards = (name: string, work: (progress?: Progress) => Promise<void>) => Promise<void>;

/** The change is answered with the end of the work. */
export const atOnce: Afterwards = (_name, work) => work();
