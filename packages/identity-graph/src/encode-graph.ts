import { describe, err, type IdentityKey, identityOfKey, type Issue, ok, type Result } from "@tessera/xdm";
import type { Graph, GraphIdentity, KeptApart, Pair, RemovalReason } from "./graph.ts";
import type { Moment, Step } from "./moment.ts";

/** The layout of the compact form; a change of layout takes a new number. */
const LAYOUT = 1;

/**
 * A graph as compact JSON text, for storing. Equal graphs give equal text. Keys, event keys and dataset ids stand once in a
 * table; everything else refers to them.
 */
export function encodeGraph(graph: Graph): string {
  const words: string[] = [];
  const places = new Map<string, number>();
  const word = (text: string): number => {
    const known = places.get(text);
    if (known !== undefined) return known;
    places.set(text, words.length);
    words.push(text);
    return words.length - 1;
  };
  const moment = ({ t, key, datasetId }: Moment): unknown[] => [t, word(key), word(datasetId)];
  const step = ({ t, key }: Step): unknown[] => [t, word(key)];
  const pair = ({ a, b }: Pair): unknown[] => [word(a), word(b)];
  const identities = graph.identities.map(({ key, firstSeen, lastSeen, left, blocked }) => {
    const row: (number | null)[] = [word(key), firstSeen, lastSeen];
    if (left !== undefined || blocked !== undefined) row.push(left ?? null);
    if (blocked !== undefined) row.push(blocked);
    return row;
  });
  const links = graph.links.map(({ a, b, first, last, count }) =>
    first === last || (first.key === last.key && first.t === last.t)
      ? [word(a), word(b), count, moment(first)]
      : [word(a), word(b), count, moment(first), moment(last)],
  );
  const removed = graph.removed.map(({ a, b, first, last, count, reason }) => {
    const why =
      reason.rule === "cap"
        ? ["cap", step(reason.at), word(reason.identity)]
        : [
            reason.rule,
            step(reason.at),
            pair(reason.conflict),
            reason.winner ? pair(reason.winner) : null,
            ...("namespace" in reason ? [reason.namespace] : []),
          ];
    return [word(a), word(b), count, moment(first), moment(last), why];
  });
  const apart = graph.apart.map(({ a, b, t, relink, lifted }) => [
    word(a),
    word(b),
    t,
    relink === "never" ? 0 : 1,
    ...(lifted ? [step(lifted)] : []),
  ]);
  const latest = graph.latest ? step(graph.latest) : null;
  return JSON.stringify([LAYOUT, words, identities, links, removed, apart, latest, graph.trimmed ? 1 : 0]);
}

/** Reads what `encodeGraph` wrote. An error when the text is of another layout or not such a text at all. */
export function decodeGraph(text: string): Result<Graph, Issue> {
  try {
    return ok(decode(JSON.parse(text)));
  } catch {
    return err({
      code: "graph.encoding",
      message: `Expected a graph in the compact form (layout ${LAYOUT}), got ${describe(text)}. Rebuild the graph from its observations.`,
      expected: `layout ${LAYOUT}`,
      came: describe(text),
    });
  }
}

type Row = readonly unknown[];

/** Throws on anything unexpected; `decodeGraph` turns that into an error. */
function decode(input: unknown): Graph {
  const [layout, table, identities, links, removed, apart, latest, trimmed] = list(input);
  if (layout !== LAYOUT) throw new TypeError("layout");
  const words = list(table);
  const word = (at: unknown): string => {
    const found = words[num(at)];
    if (typeof found !== "string") throw new TypeError("word");
    return found;
  };
  const step = (value: unknown): Step => {
    const [t, key] = list(value);
    return { t: num(t), key: word(key) };
  };
  const moment = (value: unknown): Moment => {
    const [t, key, datasetId] = list(value);
    return { t: num(t), key: word(key), datasetId: word(datasetId) };
  };
  const pair = (value: unknown): Pair => {
    const [a, b] = list(value);
    return { a: word(a), b: word(b) };
  };
  const rows = (value: unknown): readonly Row[] => list(value).map(list);
  return {
    identities: rows(identities).map((row) => decodeIdentity(row, word(row[0]))),
    links: rows(links).map(([a, b, count, first, last]) => {
      const made = moment(first);
      return {
        a: word(a),
        b: word(b),
        first: made,
        last: last === undefined ? made : moment(last),
        count: num(count),
      };
    }),
    removed: rows(removed).map(([a, b, count, first, last, why]) => ({
      a: word(a),
      b: word(b),
      first: moment(first),
      last: moment(last),
      count: num(count),
      reason: decodeReason(list(why), { step, pair, word }),
    })),
    apart: rows(apart).map(([a, b, t, relink, lifted]): KeptApart => {
      const kept = {
        a: word(a),
        b: word(b),
        t: num(t),
        relink: relink === 0 ? "never" : "observed",
      } as const;
      return lifted === undefined ? kept : { ...kept, lifted: step(lifted) };
    }),
    latest: latest === null ? null : step(latest),
    trimmed: trimmed === 1,
  };
}

function decodeIdentity([, firstSeen, lastSeen, left, blocked]: Row, key: IdentityKey): GraphIdentity {
  const identity = { ...identityOfKey(key), key, firstSeen: num(firstSeen), lastSeen: num(lastSeen) };
  const aged = typeof left === "number" ? { ...identity, left } : identity;
  return blocked === undefined ? aged : { ...aged, blocked: num(blocked) };
}

function decodeReason(
  [rule, at, subject, winner, namespace]: Row,
  {
    step,
    pair,
    word,
  }: {
    readonly step: (value: unknown) => Step;
    readonly pair: (value: unknown) => Pair;
    readonly word: (value: unknown) => string;
  },
): RemovalReason {
  if (rule === "cap") return { rule, at: step(at), identity: word(subject) };
  const rest = { conflict: pair(subject), winner: winner === null ? null : pair(winner) };
  if (rule === "apart") return { rule, at: step(at), ...rest };
  if ((rule === "unique" || rule === "maxValues" || rule === "newValues") && typeof namespace === "string") {
    return { rule, at: step(at), namespace, ...rest };
  }
  throw new TypeError("reason");
}

function list(value: unknown): Row {
  if (!Array.isArray(value)) throw new TypeError("list");
  return value;
}

function num(value: unknown): number {
  if (typeof value !== "number") throw new TypeError("number");
  return value;
}
