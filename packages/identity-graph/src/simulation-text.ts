import { err, type Identity, type Issue, ok, type Result } from "@tessera/xdm";
import {
  type SimulatedEvent,
  type SimulatedNamespace,
  simulateGraph,
  type SimulationResult,
} from "./simulate.ts";

/**
 * Reads the text form of a simulation: one event a line, `CRMID: Jane, ECID: 1`. Blank lines and lines that begin with `#`
 * are passed over. Symbols are case-sensitive; a value may hold colons but no comma. The line number is the time.
 */
export function parseSimulation(text: string): Result<readonly SimulatedEvent[], readonly Issue[]> {
  const events: SimulatedEvent[] = [];
  const issues: Issue[] = [];
  text.split(/\r?\n/).forEach((line, index) => {
    const content = line.trim();
    if (content === "" || content.startsWith("#")) return;
    const identities: Identity[] = [];
    let column = line.length - line.trimStart().length + 1;
    for (const part of content.split(",")) {
      const colon = part.indexOf(":");
      const [namespace, id] = [part.slice(0, colon).trim(), part.slice(colon + 1).trim()];
      if (colon > 0 && namespace !== "" && id !== "") identities.push({ namespace, id });
      else issues.push(wrong(index + 1, column));
      column += part.length + 1;
    }
    events.push({ t: index + 1, identities });
  });
  return issues.length > 0 ? err(issues) : ok(events);
}

function wrong(line: number, column: number): Issue {
  const expected = "an identity such as CRMID: Jane";
  return {
    code: "simulation.syntax",
    message: `Line ${line}, column ${column}: expected ${expected} (symbol, colon, value; commas between identities). Correct the line and try again.`,
    line,
    column,
    expected,
  };
}

/** Simulates events in text form. Settings that are none are thrown as by `simulateGraph`. */
export function simulateText(
  text: string,
  settings: readonly SimulatedNamespace[],
): Result<SimulationResult, readonly Issue[]> {
  const events = parseSimulation(text);
  return events.ok ? ok(simulateGraph({ settings, events: events.value })) : events;
}
