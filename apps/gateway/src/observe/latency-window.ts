/** The most recent durations of something, in seconds; older ones make place for newer. */
export interface LatencyWindow {
  readonly add: (seconds: number) => void;
  /** In no order. */
  readonly seconds: () => readonly number[];
}

/** A window of the last `size` durations. */
export function latencyWindow(size = 1_000): LatencyWindow {
  const ring: number[] = [];
  let next = 0;
  return {
    add: (seconds) => {
      ring[next] = seconds;
      next = (next + 1) % size;
    },
    seconds: () => [...ring],
  };
}
