/** A place for something that is remembered on an object beside its data. */
export interface Slot<Owner extends object, Value> {
  /** What is remembered; it is not there any more afterwards, so that only one can go on with it. */
  readonly take: (owner: Owner) => Value | undefined;
  readonly read: (owner: Owner) => Value | undefined;
  readonly put: (owner: Owner, value: Value) => void;
}

/**
 * A slot: what is put there goes when its object goes, and no copy and no JSON text of the object holds it. Where each
 * of many objects holds something this costs the collector of garbage far less than a WeakMap of them all.
 */
export function createSlot<Owner extends object, Value>(name: string): Slot<Owner, Value> {
  const key = Symbol(name);
  type Holder = Owner & { [key]?: Value | undefined };
  return {
    take: (owner: Holder) => {
      const value = owner[key];
      if (value !== undefined) owner[key] = undefined;
      return value;
    },
    read: (owner: Holder) => owner[key],
    put: (owner: Holder, value) => {
      owner[key] = value;
    },
  };
}
