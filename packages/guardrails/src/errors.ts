/** The codes of this package's issues. */
export const GUARDRAIL_ERRORS = {
  "limits.profile": { meaning: "Unknown profile of limits.", retryable: false },
  "limits.shape": { meaning: "The overrides are not an object of numbers.", retryable: false },
  "limits.unknown": { meaning: "An override names no limit.", retryable: false },
  "limits.override": { meaning: "An override lies outside what the limit permits.", retryable: false },
  "usage.time": { meaning: "A usage sample carries no valid time.", retryable: false },
} as const;
