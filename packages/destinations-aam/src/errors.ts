/** Every code this package gives, with its meaning and whether the same again may succeed. */
export const AAM_CODES: {
  readonly [code: string]: { readonly meaning: string; readonly retryable: boolean };
} = {
  "aam.identity.none": {
    meaning: "The person has no identity that Audience Manager is given.",
    retryable: false,
  },
  "aam.removal.traitUnknown": {
    meaning: "An exit cannot be told: the number of the audience's trait is not in the settings.",
    retryable: false,
  },
  "aam.sharing.before": {
    meaning: "The change is older than the sharing of its audience; there is no backfill.",
    retryable: false,
  },
  "aam.change.none": { meaning: "The item carries no entry and no exit.", retryable: false },
  "aam.batch.audiences": {
    meaning: "Audience definitions are not sent; traits and segments are made in Audience Manager.",
    retryable: false,
  },
  "aam.optOut": {
    meaning: "The person opted out in Audience Manager; nothing more is to be sent.",
    retryable: false,
  },
  "aam.dcs.<number>": { meaning: "The DCS refused with this documented error.", retryable: false },
  "aam.file.userId": { meaning: "A user id that a batch file cannot hold.", retryable: false },
  "aam.file.shape": { meaning: "A line that is not a user id, a tab and items.", retryable: false },
  "aam.file.empty": { meaning: "A user without any trait or signal.", retryable: false },
  "aam.file.item": { meaning: "An item that a batch file cannot hold.", retryable: false },
  "aam.file.line": { meaning: "A single item longer than a line may be.", retryable: false },
  "aam.file.lines": { meaning: "More than 200 lines for one user.", retryable: false },
  "aam.idSync.columns": {
    meaning: "A row with another number of ids than the name has data sources.",
    retryable: false,
  },
  "aam.idSync.id": {
    meaning: "An empty id, or one with tabs, line ends or blanks around it.",
    retryable: false,
  },
  "aam.idSync.encoded": { meaning: "A percent-encoded id.", retryable: false },
  "aam.idSync.personal": { meaning: "A raw e-mail address where an id belongs.", retryable: false },
  "aam.rule.syntax": { meaning: "A trait or segment rule that cannot be read.", retryable: false },
  "aam.rule.engine": { meaning: "A rule that the segment engine does not take.", retryable: false },
  "aam.edge.config": { meaning: "An edge configuration that contradicts itself.", retryable: false },
};
