import type { ShardPart, ShardRequest } from "./shard.ts";

/** What a thread is told. Each `decide` is answered by one `part`. */
export type ToThread =
  | { readonly kind: "refresh"; readonly request: ShardRequest }
  | { readonly kind: "decide"; readonly chunk: number; readonly asksMoved: boolean }
  | { readonly kind: "close" };

/** What a thread answers. */
export type FromThread =
  | { readonly kind: "progress"; readonly done: number; readonly total: number }
  | { readonly kind: "ready"; readonly chunks: number; readonly persons: number }
  | { readonly kind: "part"; readonly part: ShardPart }
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly message: string };
