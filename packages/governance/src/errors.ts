/** The codes of this package's issues. */
export const GOVERNANCE_ERRORS = {
  "label.invalid": { meaning: "The text is no label.", retryable: false },
  "marketingAction.invalid": { meaning: "The text is no marketing action.", retryable: false },
  "policy.shape": { meaning: "The policy is not formed as a policy.", retryable: false },
  "policy.expression": {
    meaning: "The deny expression is empty, too deep or of another form.",
    retryable: false,
  },
  "consent.shape": { meaning: "The consents are not formed as consents.", retryable: false },
  "consent.value": { meaning: "A consent carries no known code.", retryable: false },
  "governance.violation": { meaning: "A policy denies what is about to be saved.", retryable: false },
  "governance.reference": { meaning: "Something that is referred to is not there.", retryable: false },
  "privacy.shape": { meaning: "The privacy request is not formed as one.", retryable: false },
  "privacy.regulation": { meaning: "The regulation is not known.", retryable: false },
  "privacy.product": { meaning: "A product of the list is not known.", retryable: false },
  "privacy.user": {
    meaning: "A person of the request carries no usable action or identifier.",
    retryable: false,
  },
  "privacy.transition": { meaning: "The job is not in a state that this step may follow.", retryable: false },
  "sandbox.name": { meaning: "The name is no name for a sandbox, or it is taken.", retryable: false },
  "sandbox.limit": { meaning: "The organisation has as many sandboxes as it may have.", retryable: false },
  "sandbox.rule": { meaning: "The sandbox may not be reset, copied or deleted so.", retryable: false },
  "access.role": { meaning: "The role is not formed as a role.", retryable: false },
} as const;
