import type { Issue } from "@tessera/xdm";
import type { Pql } from "../ast.ts";

/** Where something stands in a JSON form. */
export type Path = readonly (string | number)[];

/** What stands in a tree for a node that could not be read. */
export const NULL: Pql = { kind: "literal", type: "Null", value: null };

const MOST = 50;

/** Collects what is wrong with a JSON form while it is read; `NULL` takes the place of what could not be. */
export class JsonFaults {
  readonly issues: Issue[] = [];

  fault(path: Path, code: string, expected: string, came: string): Pql {
    return this.report(path, { code, expected, came, advice: "Correct the JSON form." });
  }

  report(
    path: Path,
    what: {
      readonly code: string;
      readonly expected: string;
      readonly came: string;
      readonly advice: string;
    },
  ): Pql {
    const { code, expected, came, advice } = what;
    if (this.issues.length < MOST) {
      const place = path.length === 0 ? "" : `${path.join(".")}: `;
      this.issues.push({
        code,
        path,
        expected,
        came,
        message: `${place}Expected ${expected}, came ${came}. ${advice}`,
      });
    }
    return NULL;
  }
}
