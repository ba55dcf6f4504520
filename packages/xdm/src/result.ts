/**
 * The outcome of an operation whose failure is expected. Throwing is left to bugs and broken ports.
 * `ok` tells the arms apart; `error` is data (usually issues with codes), never an `Error` object.
 */
export type Result<T, E> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

/** A success carrying `value`. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** A failure carrying `error`. */
export function err<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error };
}
