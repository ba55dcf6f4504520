/** Every code this package gives: what it means, and whether the engine tries again by itself. */
export const TARGET_ERRORS = {
  "activity.invalid": { meaning: "A part of an activity is not what it must be.", retryable: false },
  "target.organisation": { meaning: "The Target account belongs to another organisation.", retryable: false },
  "target.sandbox": { meaning: "The sandbox is not the default production sandbox.", retryable: false },
  "target.datastream": { meaning: "The datastream is not known.", retryable: false },
  "target.datastream-services": {
    meaning: "The datastream lacks Target, Platform or personalization destinations.",
    retryable: false,
  },
  "target.datastream-taken": { meaning: "Another Target connection uses the datastream.", retryable: false },
  "target.audience-origin": { meaning: "The audience is not of the segmentation service.", retryable: false },
  "target.merge-policy": {
    meaning: "The audience's merge policy is not active on the edge.",
    retryable: false,
  },
  "target.audience-in-use": {
    meaning: "A live activity uses the audience that is to be removed.",
    retryable: false,
  },
  "target.audience-not-mapped": {
    meaning: "A live activity asks about an audience that no connection of its workspace maps.",
    retryable: false,
  },
  "target.no-visitor-id": {
    meaning: "A person has neither a third-party id nor a Target id.",
    retryable: false,
  },
  "target.audience-unknown": { meaning: "The audience's id in Target is not known.", retryable: false },
  "target.batch-refused": { meaning: "Target refused a batch of profile updates.", retryable: false },
  "target.batch-failed": { meaning: "Target gave a batch up.", retryable: false },
  "target.batch-incomplete": { meaning: "Target took only a part of a batch.", retryable: false },
  "target.batch-stuck": { meaning: "Target does not get on with a batch.", retryable: false },
  "target.answer-unreadable": { meaning: "Target's answer to a batch cannot be read.", retryable: true },
} as const;
