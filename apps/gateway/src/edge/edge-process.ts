import { type ChildProcess, spawn } from "node:child_process";

/** The edge in a process of its own. */
export interface EdgeProcess {
  /** Ends it and resolves when it is gone. */
  readonly stop: () => Promise<void>;
}

const RESTART_FIRST = 500;
const RESTART_MOST = 30_000;
/** An edge that ran this long was well: the next restart is a first one again. */
const WELL_AFTER = 60_000;
const STOP_WITHIN = 8_000;

/** Starts the edge and starts it again whenever it dies, later and later while it keeps dying. */
export function keepEdgeRunning(options: {
  readonly entry: string;
  readonly env: NodeJS.ProcessEnv;
  readonly say: (line: string) => void;
}): EdgeProcess {
  const { entry, env, say } = options;
  let delay = RESTART_FIRST;
  let stopped = false;
  let again: NodeJS.Timeout | undefined;
  let child: ChildProcess;
  const start = (): ChildProcess => {
    const begin = performance.now();
    // The channel closes when this process is gone, however it ended: then the edge stops as well.
    const started = spawn(process.execPath, [entry], {
      env,
      stdio: ["inherit", "inherit", "inherit", "ipc"],
    });
    let over = false;
    const ended = (why: string): void => {
      if (stopped || over) return;
      over = true;
      if (performance.now() - begin > WELL_AFTER) delay = RESTART_FIRST;
      say(`The edge stopped (${why}); starting it again in ${delay / 1_000} s.`);
      again = setTimeout(() => (child = start()), delay);
      delay = Math.min(delay * 2, RESTART_MOST);
    };
    started.on("error", (error) => ended(error.message));
    started.on("exit", (code, signal) => ended(signal ?? `exit code ${code}`));
    return started;
  };
  child = start();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(again);
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const force = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN);
      await gone;
      clearTimeout(force);
    },
  };
}
