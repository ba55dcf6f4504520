import { ID_SEPARATOR, MAX_CUSTOMER_IDS, MAX_CUSTOMER_IDS_PER_NAMESPACE } from "../dcs-request.ts";
import type { AamError, AamParameters } from "./aam-request.ts";
import type { AamDataSource } from "./edge-config.ts";

/** A customer id that a call declares, under a data source of the organisation. */
export interface DeclaredId {
  readonly source: AamDataSource;
  readonly id: string;
  readonly authState: 0 | 1 | 2;
}

/** The ids taken, and an error for each that was not. `declared` counts all that came. */
export interface DeclaredIds {
  readonly ids: readonly DeclaredId[];
  readonly errors: readonly AamError[];
  readonly declared: number;
}

const UPPER_UUID = /^[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}$/;
const LOWER_UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Global device data sources with the one form their ids have. */
const GLOBAL_FORMS: ReadonlyMap<number, RegExp> = new Map([
  [20915, UPPER_UUID],
  [20914, LOWER_UUID],
]);

/**
 * Reads `d_cid` and `d_cid_ic`. Errors by the documented numbers: 300 malformed, 302 not the organisation's data
 * source, 304 and 303 blocked, 312 wrong form of a global device id, 310 more than 3 of a namespace, 301 with a 309
 * for each id beyond 10, 104 when every id was invalid.
 */
export function readCustomerIds(
  parameters: AamParameters,
  sources: {
    readonly byNumber: ReadonlyMap<number, AamDataSource>;
    readonly byCode: ReadonlyMap<string, AamDataSource>;
  },
): DeclaredIds {
  const ids: DeclaredId[] = [];
  const errors: AamError[] = [];
  const perSource = new Map<AamDataSource, number>();
  let declared = 0;
  let beyond = 0;
  for (const [key, value] of parameters.pairs) {
    if (key !== "d_cid" && key !== "d_cid_ic") continue;
    declared += 1;
    const [name = "", id = "", state = "0", ...rest] = value.split(ID_SEPARATOR);
    const source = key === "d_cid_ic" ? sources.byCode.get(name) : sources.byNumber.get(numbered(name));
    const error = rest.length > 0 ? 300 : refusal({ key, name, id, state, source });
    if (error !== undefined || source === undefined) {
      errors.push({ code: error ?? 302, msg: MESSAGES[error ?? 302] ?? "Invalid customer id" });
      continue;
    }
    const count = (perSource.get(source) ?? 0) + 1;
    if (count > MAX_CUSTOMER_IDS_PER_NAMESPACE) {
      errors.push({
        code: 310,
        msg: `Customer id dropped: more than ${MAX_CUSTOMER_IDS_PER_NAMESPACE} of its namespace`,
      });
    } else if (ids.length >= MAX_CUSTOMER_IDS) {
      beyond += 1;
    } else {
      perSource.set(source, count);
      ids.push({ source, id, authState: state === "1" ? 1 : state === "2" ? 2 : 0 });
    }
  }
  if (beyond > 0) {
    errors.push({
      code: 301,
      msg: `Too many customer ids. Allowed: ${MAX_CUSTOMER_IDS}. Found: ${declared}`,
    });
    for (let index = 0; index < beyond; index += 1)
      errors.push({ code: 309, msg: "Customer id dropped: more than the request may declare" });
  }
  if (declared > 0 && ids.length === 0) errors.push({ code: 104, msg: "All customer ids are invalid" });
  return { ids, errors, declared };
}

const MESSAGES: { readonly [code: number]: string } = {
  300: "Invalid customer id",
  302: "Unauthorized customer id",
  303: "Blocked customer id",
  304: "Blocked data source",
  312: "The request contains an invalid global device id",
};

function numbered(name: string): number {
  return /^\d{1,10}$/.test(name) ? Number(name) : -1;
}

function refusal(given: {
  readonly key: string;
  readonly name: string;
  readonly id: string;
  readonly state: string;
  readonly source: AamDataSource | undefined;
}): number | undefined {
  const { key, name, id, state, source } = given;
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
  if (name === "" || id.trim() === "" || id.length > 1024 || /[\u0000-\u001f\u007f]/.test(id)) return 300;
  if (key === "d_cid" && numbered(name) < 0) return 300;
  if (!/^[012]?$/.test(state)) return 300;
  if (source === undefined) return 302;
  if (source.blocked === true) return 304;
  if (source.blockedIds?.has(id) === true) return 303;
  const form = GLOBAL_FORMS.get(source.dpid);
  return form !== undefined && !form.test(id) ? 312 : undefined;
}
