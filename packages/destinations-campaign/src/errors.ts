/** Every code this package gives, with its meaning and whether the same again may succeed. */
export const CAMPAIGN_CODES: {
  readonly [code: string]: { readonly meaning: string; readonly retryable: boolean };
} = {
  "campaign.batch.kind": { meaning: "Campaign takes files; another kind of batch came.", retryable: false },
  "campaign.mapping.empty": { meaning: "Nothing is mapped.", retryable: false },
  "campaign.mapping.twice": { meaning: "Two lines of the mapping write one column.", retryable: false },
  "campaign.mapping.column": { meaning: "A column that the target mapping does not have.", retryable: false },
  "campaign.mapping.identity": {
    meaning: "An identity column that Campaign does not take.",
    retryable: false,
  },
  "campaign.mapping.status": {
    meaning: "The mandatory column segmentMembershipStatus is not mapped.",
    retryable: false,
  },
  "campaign.mapping.nothingToUpdate": {
    meaning: "A profile sync maps nothing beside the key and the status.",
    retryable: false,
  },
  "campaign.mapping.dedup": {
    meaning:
      "The deduplication key is not one column (managed), or not one identity or one to two attributes (files).",
    retryable: false,
  },
  "campaign.name.characters": {
    meaning: "The audience's name holds characters that Campaign fails on.",
    retryable: false,
  },
  "campaign.name.length": { meaning: "The file name would be longer than 255 characters.", retryable: false },
  "campaign.exit.full": { meaning: "Exited persons never stand in full files.", retryable: false },
  "campaign.exit.noStatus": {
    meaning: "An exit cannot be told: the status is not mapped.",
    retryable: false,
  },
  "campaign.row.noChange": { meaning: "The item says nothing of the audience.", retryable: false },
  "campaign.row.required": { meaning: "A mandatory column has no value.", retryable: false },
  "campaign.row.keyMissing": { meaning: "The deduplication key has no value.", retryable: false },
  "campaign.row.complex": { meaning: "A value is a list or an object.", retryable: false },
  "campaign.row.duplicate": { meaning: "Another row with the same key qualified later.", retryable: false },
  "campaign.recipient.unknown": {
    meaning: "Campaign does not know this recipient, and none is created.",
    retryable: false,
  },
  "campaign.schedule": { meaning: "A schedule that is not taken.", retryable: false },
  "campaign.log.row": { meaning: "A log row that is no object of columns.", retryable: false },
  "campaign.log.id": { meaning: "A log row without the id of its entry.", retryable: false },
  "campaign.log.externalId": { meaning: "A log row without a usable externalID.", retryable: false },
  "campaign.log.time": { meaning: "A log row without a readable eventDate.", retryable: false },
};
