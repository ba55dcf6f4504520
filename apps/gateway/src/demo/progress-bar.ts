/** Draws progress on a terminal line; where there is no terminal it prints one line when done. */
export interface ProgressBar {
  readonly at: (done: number) => void;
  readonly end: () => void;
}

const WIDTH = 30;

/** A bar with a label for `total` steps, drawn on `out`. */
export function startBar(label: string, total: number, out: NodeJS.WriteStream): ProgressBar {
  let done = 0;
  const draw = (): string => {
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const filled = Math.round(share * WIDTH);
    return `${label.padEnd(30)} ${"█".repeat(filled)}${"░".repeat(WIDTH - filled)} ${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
  };
  return {
    at: (now) => {
      done = now;
      if (out.isTTY) out.write(`\r${draw()}`);
    },
    end: () => {
      done = total;
      out.write(out.isTTY ? `\r${draw()}\n` : `${draw()}\n`);
    },
  };
}
