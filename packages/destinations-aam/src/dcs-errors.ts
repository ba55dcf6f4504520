/** The families in which the DCS numbers its errors. */
export type DcsErrorFamily = "system" | "integration" | "optOut" | "profileRetrieval" | "warning";

/**
 * What a DCS error means for the sender.
 * - `retry`: the call was not processed and may be the next time.
 * - `reject`: the call will never be processed as it is.
 * - `optOut`: the person refuses, or may not be tracked; nothing more is to be sent.
 * - `note`: the call was processed, something in it was left aside.
 */
export type DcsErrorEffect = "retry" | "reject" | "optOut" | "note";

/** One DCS error. `text` begins the message that we answer with; an id or a number may follow it. */
export interface DcsError {
  readonly code: number;
  readonly family: DcsErrorFamily;
  readonly effect: DcsErrorEffect;
  readonly text: string;
}

const row = (code: number, family: DcsErrorFamily, effect: DcsErrorEffect, text: string): DcsError => ({
  code,
  family,
  effect,
  text,
});

/** Every documented DCS error. Source: Audience Manager "DCS Error Codes, Messages, and Examples". */
export const DCS_ERRORS: readonly DcsError[] = [
  row(0, "system", "retry", "Unspecified error"),
  row(1, "system", "reject", "No configuration for this host name"),
  row(2, "system", "reject", "Invalid d_orgid value"),
  row(10, "system", "retry", "Traits could not be evaluated"),
  row(100, "integration", "reject", "The request has no host name"),
  row(101, "integration", "reject", "Invalid Experience Cloud id"),
  row(102, "integration", "reject", "Invalid Audience Manager id"),
  row(104, "integration", "reject", "All customer ids are invalid"),
  row(109, "integration", "reject", "This referer is not allowed"),
  row(111, "integration", "reject", "Invalid IMS token"),
  row(171, "optOut", "optOut", "Opt-out tag found"),
  row(172, "optOut", "optOut", "The browser blocks third-party cookies"),
  row(173, "optOut", "optOut", "Opted out through the NAI"),
  row(198, "optOut", "reject", "Requests from this country are blocked by the partner"),
  row(199, "optOut", "reject", "Requests from this country are not allowed"),
  row(200, "profileRetrieval", "retry", "Cannot read the traits of the profile"),
  row(201, "profileRetrieval", "retry", "Cannot read the device ids of the customer id"),
  row(202, "profileRetrieval", "retry", "Cannot read the related customer of the device id"),
  row(203, "profileRetrieval", "retry", "Cannot read the device cluster"),
  row(204, "profileRetrieval", "retry", "No migration: the primary device's profile could not be read"),
  row(205, "profileRetrieval", "retry", "No migration: a profile could not be read"),
  row(300, "warning", "note", "Invalid customer id"),
  row(301, "warning", "note", "Too many customer ids"),
  row(302, "warning", "note", "Customer id of a data source that is not the organisation's"),
  row(303, "warning", "reject", "Blocked customer id"),
  row(304, "warning", "reject", "Blocked data source"),
  row(306, "warning", "reject", "Blocked device id"),
  row(307, "warning", "reject", "Blocked profile operation"),
  row(309, "warning", "note", "Customer id dropped: too many in the request"),
  row(310, "warning", "note", "Customer id dropped: too many of its namespace"),
  row(311, "warning", "reject", "The request contains invalid parameters"),
  row(312, "warning", "note", "Invalid global device id"),
  row(313, "warning", "note", "The consent platform is not on the global list"),
  row(314, "warning", "note", "The consent platform was deleted from the global list"),
  row(315, "warning", "optOut", "The consent string gives no consent"),
];

const BY_CODE: ReadonlyMap<number, DcsError> = new Map(DCS_ERRORS.map((error) => [error.code, error]));

/** The documented error of a code; an unknown code is not understood and tried again. */
export function dcsError(code: number): DcsError {
  return (
    BY_CODE.get(code) ?? {
      code,
      family: code < 300 ? "system" : "warning",
      effect: code >= 300 ? "note" : "retry",
      text: "Unknown error",
    }
  );
}
