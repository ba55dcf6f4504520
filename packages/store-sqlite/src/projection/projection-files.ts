import { readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** The file of one shard of the projection of a store. */
export function projectionFile(path: string, shard: number): string {
  return `${path}.columns-${shard}`;
}

/** Removes all files of the projection of a store. */
export function dropProjection(path: string): void {
  const folder = dirname(path);
  const start = `${basename(path)}.columns-`;
  for (const name of readdirSync(folder)) {
    if (name.startsWith(start)) rmSync(join(folder, name), { force: true });
  }
}
