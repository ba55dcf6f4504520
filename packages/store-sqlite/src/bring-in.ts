/** What a pass over the log came to, as SQLite tells it: whether someone was in the way, pages in the log as it began, pages in the file. */
export type CheckpointPass = readonly [busy: number, logged: number, broughtIn: number];

/** Commits that come faster than passes end are left to the next checkpoint. */
const PASSES = 8;

/**
 * Repeats `pass` until nothing was committed during the last one. Only when all of the log is in the file does the next
 * commit begin it anew; as long as something stays behind it grows, until a commit has to stop for it.
 */
export function bringIn(pass: () => CheckpointPass): void {
  let before = 0;
  for (let count = 0; count < PASSES; count += 1) {
    const [busy, logged, broughtIn] = pass();
    // Whoever reads an older state keeps what came after it out of the file: trying again at once changes nothing.
    if (busy !== 0 || broughtIn < logged || logged <= before) return;
    before = logged;
  }
}
