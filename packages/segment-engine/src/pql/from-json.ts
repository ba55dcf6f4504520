import { describe, err, isObject, type Issue, ok, type Result } from "@tessera/xdm";
import type {
  Aggregation,
  Arithmetic,
  ChainStep,
  Comparison,
  Occurrence,
  Pql,
  VariableDeclaration,
} from "../ast.ts";
import { MAX_DEPTH } from "./cursor.ts";
import { FUNCTION_NAMES, functionNamed } from "./functions.ts";
import { JsonFaults, NULL, type Path } from "./json-faults.ts";
import { AGGREGATIONS, ARITHMETIC, COMPARISONS, QUANTIFIERS } from "./json-words.ts";
import { didYouMean } from "./nearest.ts";
import { callProblems } from "./parse-call.ts";
import { directionOf, unitOf } from "./words.ts";

/** Reads the JSON form as a tree. */
export function readJson(json: unknown): Result<Pql, Issue[]> {
  const reader = new JsonReader();
  let value = json;
  if (typeof json === "string") {
    try {
      value = JSON.parse(json) as unknown;
    } catch {
      reader.fault([], "pql.json", "JSON", "a text that is no JSON");
    }
  }
  const read = reader.issues.length > 0 ? NULL : reader.node(value, [], { names: [], depth: 0 });
  return reader.issues.length > 0 ? err(reader.issues) : ok(read);
}

interface Place {
  readonly names: readonly string[];
  readonly depth: number;
}

class JsonReader extends JsonFaults {
  node(json: unknown, path: Path, place: Place): Pql {
    if (place.depth > MAX_DEPTH) return this.fault(path, "pql.size", `at most ${MAX_DEPTH} levels`, "more");
    const inner = { ...place, depth: place.depth + 1 };
    if (!isObject(json)) return this.fault(path, "pql.json", "a node with nodeType", describe(json));
    const type = json["nodeType"];
    switch (type) {
      case "literal":
        return this.#literal(json, path);
      case "list":
        return { kind: "list", items: this.#nodes(json["items"], [...path, "items"], inner) };
      case "object":
        return { kind: "object", fields: this.#fields(json["fields"], [...path, "fields"], inner) };
      case "context":
        return { kind: "context", levels: this.#whole(json["levels"], [...path, "levels"]) };
      case "parameterReference":
        return { kind: "parameter", position: this.#whole(json["position"] ?? 1, [...path, "position"]) };
      case "varRef":
        return this.#variable(json, path, inner);
      case "fieldLookup":
        return this.#lookup(json, path, inner);
      case "item":
        return {
          kind: "item",
          list: this.node(json["list"], [...path, "list"], inner),
          index: this.#whole(json["index"], [...path, "index"]),
        };
      case "fnApply":
        return this.#apply(json, path, inner);
      case "fnCreate":
        return this.#lambda(json, path, inner);
      case "let": {
        const name = this.#text(json["varName"], [...path, "varName"]);
        const value = this.node(json["value"], [...path, "value"], inner);
        const body = this.node(json["body"], [...path, "body"], { ...inner, names: [...inner.names, name] });
        return { kind: "let", name, value, body };
      }
      case "quantification": {
        const word = json["quantifier"];
        const quantifier =
          typeof word === "string" && Object.hasOwn(QUANTIFIERS, word) ? QUANTIFIERS[word] : undefined;
        const { variables } = this.#declarations(json["variables"], [...path, "variables"], inner);
        if (quantifier === undefined) {
          return this.fault([...path, "quantifier"], "pql.json", "some, all, none or one", String(word));
        }
        return { kind: "quantifier", quantifier, variables };
      }
      case "select":
        return {
          kind: "select",
          variables: this.#declarations(json["variables"], [...path, "variables"], inner).variables,
        };
      case "aggregate": {
        const fn = json["fnName"];
        const { variables, place: within } = this.#declarations(
          json["variables"],
          [...path, "variables"],
          inner,
        );
        const value = this.node(json["value"], [...path, "value"], within);
        if (typeof fn !== "string" || !AGGREGATIONS.has(fn)) {
          return this.fault([...path, "fnName"], "pql.json", "count, sum, average, min or max", String(fn));
        }
        return { kind: "aggregate", fn: fn as Aggregation, value, variables };
      }
      case "time":
        return this.#time(json, path, inner);
      case "occurs": {
        const subject = this.node(json["subject"], [...path, "subject"], inner);
        return { kind: "occurs", subject, when: this.#occurrence(json["when"], [...path, "when"], inner) };
      }
      case "chain":
        return this.#chain(json, path, inner);
      default:
        return this.fault([...path, "nodeType"], "pql.json", "a known nodeType", String(type));
    }
  }

  #literal(json: Record<string, unknown>, path: Path): Pql {
    const { value, literalType } = json;
    if (literalType === "XDMObject") return { kind: "parameter", position: 1 };
    if (Array.isArray(value)) {
      return {
        kind: "list",
        items: value.map((item, index) => this.#scalar(item, undefined, [...path, "value", index])),
      };
    }
    return this.#scalar(value, literalType, [...path, "value"]);
  }

  #scalar(value: unknown, type: unknown, path: Path): Pql {
    if (value === null || value === undefined) return { kind: "literal", type: "Null", value: null };
    if (typeof value === "string") return { kind: "literal", type: "String", value };
    if (typeof value === "boolean") return { kind: "literal", type: "Boolean", value };
    if (typeof value === "number" && Number.isFinite(value)) {
      const integer = Number.isInteger(value) && type !== "Double";
      return { kind: "literal", type: integer ? "Integer" : "Double", value };
    }
    return this.fault(path, "pql.json", "a string, number, boolean or list", describe(value));
  }

  #variable(json: Record<string, unknown>, path: Path, place: Place): Pql {
    const name = this.#text(json["varName"], [...path, "varName"]);
    if (place.names.includes(name)) return { kind: "variable", name };
    const advice = "Declare the variable around it.";
    return this.report([...path, "varName"], {
      code: "pql.variable",
      expected: "a declared variable",
      came: name,
      advice,
    });
  }

  #lookup(json: Record<string, unknown>, path: Path, place: Place): Pql {
    const name = this.#text(json["fieldName"], [...path, "fieldName"]).replace(/^xdm:/, "");
    const object: Pql =
      json["object"] === undefined
        ? { kind: "context", levels: 0 }
        : this.node(json["object"], [...path, "object"], place);
    return { kind: "field", object, name };
  }

  #lambda(json: Record<string, unknown>, path: Path, place: Place): Pql {
    const given = json["parameters"] ?? [];
    if (!Array.isArray(given) || !given.every((name): name is string => typeof name === "string")) {
      return this.fault([...path, "parameters"], "pql.json", "a list of names", describe(given));
    }
    const body = this.node(json["body"], [...path, "body"], { ...place, names: [...place.names, ...given] });
    return { kind: "lambda", params: given, body };
  }

  #apply(json: Record<string, unknown>, path: Path, place: Place): Pql {
    const name = this.#text(json["fnName"], [...path, "fnName"]);
    const params = this.#nodes(json["params"] ?? [], [...path, "params"], place);
    const [first = NULL, second = NULL, third = NULL] = params;
    const need = (count: number): boolean => {
      if (params.length === count) return true;
      this.fault([...path, "params"], "pql.arity", `${count} parameters for ${name}`, String(params.length));
      return false;
    };
    const lower = name.toLowerCase();
    if (lower === "and" || lower === "or") {
      if (params.length === 0) return this.fault([...path, "params"], "pql.arity", "parameters", "none");
      if (params.length === 1) return first;
      return { kind: lower, items: params.flatMap((item) => (item.kind === lower ? item.items : [item])) };
    }
    if (lower === "not") return need(1) ? { kind: "not", operand: first } : NULL;
    if (lower === "negate" || (name === "-" && params.length === 1)) {
      return need(1) ? { kind: "negate", operand: first } : NULL;
    }
    if (COMPARISONS.has(name)) {
      return need(2) ? { kind: "compare", op: name as Comparison, left: first, right: second } : NULL;
    }
    if (ARITHMETIC.has(name)) {
      return need(2) ? { kind: "arithmetic", op: name as Arithmetic, left: first, right: second } : NULL;
    }
    if (lower === "if") return need(3) ? { kind: "if", test: first, then: second, otherwise: third } : NULL;
    return this.#call(name, params, path);
  }

  #call(name: string, params: readonly Pql[], path: Path): Pql {
    const spec = functionNamed(name);
    if (spec === undefined) {
      const advice = didYouMean(name, FUNCTION_NAMES, "See the list of functions.");
      const expected = "the name of a function";
      return this.report([...path, "fnName"], { code: "pql.function", expected, came: name, advice });
    }
    const args = params.map((param, index): Pql =>
      spec.args[index] === "each" && param.kind !== "lambda"
        ? { kind: "lambda", params: [], body: param }
        : param,
    );
    for (const problem of callProblems(spec, args)) {
      this.report([...path, "params"], problem);
    }
    return { kind: "call", name: spec.name, args };
  }

  #declarations(
    json: unknown,
    path: Path,
    place: Place,
  ): { readonly variables: readonly VariableDeclaration[]; readonly place: Place } {
    if (!Array.isArray(json) || json.length === 0) {
      this.fault(path, "pql.json", "a list of varDecl", describe(json));
      return { variables: [], place };
    }
    let inner = place;
    const variables = json.map((one: unknown, index): VariableDeclaration => {
      const at = [...path, index];
      const part = isObject(one) ? one : {};
      const name = this.#text(part["varName"], [...at, "varName"]);
      const from = this.node(part["from"], [...at, "from"], inner);
      inner = { ...inner, names: [...inner.names, name] };
      if (part["where"] === undefined) return { name, from };
      return { name, from, where: this.node(part["where"], [...at, "where"], inner) };
    });
    return { variables, place: inner };
  }

  #time(json: Record<string, unknown>, path: Path, place: Place): Pql {
    const { word, which } = json;
    if (word === "now" || word === "today" || word === "yesterday" || word === "tomorrow") {
      return { kind: "moment", word };
    }
    const unit = typeof json["unit"] === "string" ? unitOf(json["unit"]) : undefined;
    if (unit !== undefined && (which === "this" || which === "last" || which === "next")) {
      return { kind: "period", which, unit };
    }
    return { kind: "offset", ...this.#distance(json, path, place) };
  }

  #distance(
    json: Record<string, unknown>,
    path: Path,
    place: Place,
  ): Omit<Pql & { readonly kind: "offset" }, "kind"> {
    const unit = typeof json["unit"] === "string" ? unitOf(json["unit"]) : undefined;
    const direction = typeof json["direction"] === "string" ? directionOf(json["direction"]) : undefined;
    const from = this.node(json["from"], [...path, "from"], place);
    if (unit === undefined)
      this.fault([...path, "unit"], "pql.json", "a unit of time", describe(json["unit"]));
    if (direction === undefined) {
      this.fault([...path, "direction"], "pql.json", "before, after or from", describe(json["direction"]));
    }
    const amount = this.#whole(json["amount"], [...path, "amount"]);
    return { amount, unit: unit ?? "day", direction: direction ?? "before", from };
  }

  #occurrence(json: unknown, path: Path, place: Place): Occurrence {
    const part = isObject(json) ? json : {};
    const time = (field: string): Pql => this.node(part[field], [...path, field], place);
    switch (part["kind"]) {
      case "within": {
        const op = part["op"];
        if (typeof op !== "string" || !COMPARISONS.has(op))
          this.fault([...path, "op"], "pql.json", "a comparison", String(op));
        return { kind: "within", op: op as Comparison, ...this.#distance(part, path, place) };
      }
      case "side": {
        const direction = typeof part["direction"] === "string" ? directionOf(part["direction"]) : undefined;
        if (direction === undefined)
          this.fault([...path, "direction"], "pql.json", "before, after or from", "none");
        return { kind: "side", direction: direction ?? "before", time: time("time") };
      }
      case "on":
        return { kind: "on", time: time("time") };
      case "between":
        return { kind: "between", start: time("start"), end: time("end") };
      default:
        this.fault([...path, "kind"], "pql.json", "within, side, on or between", String(part["kind"]));
        return { kind: "on", time: NULL };
    }
  }

  #chain(json: Record<string, unknown>, path: Path, place: Place): Pql {
    const source = this.node(json["source"], [...path, "source"], place);
    const given = json["timestamp"] ?? ["timestamp"];
    const timestamp =
      Array.isArray(given) && given.every((part): part is string => typeof part === "string") ? given : [];
    if (timestamp.length === 0)
      this.fault([...path, "timestamp"], "pql.json", "a path of field names", describe(given));
    const steps = json["steps"];
    if (!Array.isArray(steps) || steps.length === 0) {
      return this.fault([...path, "steps"], "pql.json", "a list of steps", describe(steps));
    }
    let inner = place;
    return {
      kind: "chain",
      source,
      timestamp,
      steps: steps.map((one: unknown, index) => {
        const at = [...path, "steps", index];
        const part = isObject(one) ? one : {};
        const name = part["name"] === undefined ? undefined : this.#text(part["name"], [...at, "name"]);
        const within = name === undefined ? inner : { ...inner, names: [...inner.names, name] };
        const step = this.#step(part, at, { what: within, when: inner });
        inner = within;
        return name === undefined ? step : { name, ...step };
      }),
    };
  }

  #step(
    part: Record<string, unknown>,
    at: Path,
    places: { readonly what: Place; readonly when: Place },
  ): ChainStep {
    const when = part["when"] ?? [];
    if (!Array.isArray(when))
      this.fault([...at, "when"], "pql.json", "a list of occurrences", describe(when));
    const list: readonly unknown[] = Array.isArray(when) ? when : [];
    const count = part["count"];
    const step: ChainStep = {
      negated: part["negated"] === true,
      what: this.node(part["what"], [...at, "what"], places.what),
      when: list.map((one, index) => this.#occurrence(one, [...at, "when", index], places.when)),
    };
    if (count === undefined) return step;
    const { op = ">=", value } = isObject(count) ? count : {};
    if (typeof op !== "string" || !COMPARISONS.has(op))
      this.fault([...at, "count"], "pql.json", "a comparison", String(op));
    return { ...step, count: { op: op as Comparison, value: this.#whole(value, [...at, "count", "value"]) } };
  }

  #nodes(json: unknown, path: Path, place: Place): readonly Pql[] {
    if (Array.isArray(json)) return json.map((item, index) => this.node(item, [...path, index], place));
    this.fault(path, "pql.json", "a list of nodes", describe(json));
    return [];
  }

  #fields(
    json: unknown,
    path: Path,
    place: Place,
  ): readonly { readonly name: string; readonly value: Pql }[] {
    if (!Array.isArray(json)) {
      this.fault(path, "pql.json", "a list of fields", describe(json));
      return [];
    }
    return json.map((one: unknown, index) => {
      const part = isObject(one) ? one : {};
      const at = [...path, index];
      return {
        name: this.#text(part["name"], [...at, "name"]),
        value: this.node(part["value"], [...at, "value"], place),
      };
    });
  }

  #text(json: unknown, path: Path): string {
    if (typeof json === "string" && json !== "") return json;
    this.fault(path, "pql.json", "a name", describe(json));
    return "";
  }

  #whole(json: unknown, path: Path): number {
    if (typeof json === "number" && Number.isSafeInteger(json) && json >= 0) return json;
    this.fault(path, "pql.json", "a whole number from 0", describe(json));
    return 0;
  }
}
