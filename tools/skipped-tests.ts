import type { Reporter, TestModule } from "vitest/node";

/**
 * Closes a test run with what was not run and why: a component that is missing here (MongoDB, Chromium) must not look
 * like a test that passed. The reason is the skipped test's own name, or the note it was skipped with.
 */
export function skippedTests(write: (text: string) => void): Reporter {
  return {
    onTestRunEnd(modules: readonly TestModule[]) {
      const reasons = new Map<string, number>();
      for (const module of modules) {
        for (const test of module.children.allTests("skipped")) {
          const result = test.result();
          const reason = (result.state === "skipped" ? result.note : undefined) ?? test.fullName;
          reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
        }
      }
      if (reasons.size === 0) return;
      const count = [...reasons.values()].reduce((sum, n) => sum + n, 0);
      write(`\n${count} skipped:\n${[...reasons].map(([reason, n]) => `  ${n} × ${reason}\n`).join("")}`);
    },
  };
}
