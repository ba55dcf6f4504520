export { campaignFiles, campaignManagedServices } from "./campaign.ts";
export { type CampaignPorts, type RecipientList } from "./plan.ts";
export {
  type CampaignFileSettings,
  type CampaignSettings,
  STATUS_COLUMN,
  TARGET_IDENTITIES,
} from "./settings.ts";
export { type FileSettings } from "./file-settings.ts";
export { type CsvOptions, DEFAULT_CSV } from "./csv/csv-options.ts";
export { createCsvWriter, type CsvValues, isFormula } from "./csv/csv-row.ts";
export { type CsvDialect, readCsv, readCsvRecords } from "./csv/read-csv.ts";
export {
  DEFAULT_FILE_NAME,
  fileBaseName,
  fileName,
  type FileNameFacts,
  type FileNamePart,
  manifestName,
  MAX_FILE_NAME,
} from "./file-name.ts";
export {
  type CreateHash,
  type Hasher,
  type Manifest,
  type ManifestFile,
  type ManifestLoad,
  manifestText,
} from "./export/manifest.ts";
export {
  type CsvCheckpoint,
  type CsvFilePart,
  type CsvFileSpec,
  type CsvWriteOptions,
  MAX_ROWS_PER_FILE,
  writeCsvFiles,
} from "./export/write-files.ts";
export { type LeftOut, reconcile, type Reconciliation, reconciliationCsv } from "./export/reconcile.ts";
export {
  type KnownRecipients,
  planRows,
  type RowPlan,
  type RowPosition,
  type RowRules,
} from "./export/rows.ts";
export { mappingFaults, type MappingDemands, type MappingFault } from "./export/mapping-rules.ts";
export {
  type ExportCandidate,
  type ExportedAudience,
  hasStatusColumn,
  mappingDigest,
  selectItems,
} from "./export/select.ts";
export {
  type ExportHistory,
  type ExportSchedule,
  exportWindow,
  type ExportWindow,
  historyAfter,
  INTERVALS,
  nextRun,
  type NextRun,
  parseSchedule,
} from "./schedule.ts";
export {
  type ExportRun,
  type ExportRunPorts,
  exportOnDemand,
  runDueExports,
  type ScheduledExport,
} from "./run/run-exports.ts";
export {
  type Claimant,
  type ClaimedRun,
  createRunLedger,
  type RunLedger,
  type RunSeries,
  type RunState,
} from "./run/run-ledger.ts";
export { createMemoryRunDocuments, type RunDocuments, type VersionedDocument } from "./run/run-documents.ts";
export {
  audienceNameFault,
  type CampaignDataflow,
  checkCampaign,
  type GuardrailFinding,
  isCampaignRefused,
} from "./guardrails.ts";
export {
  type CampaignDataflowCheck,
  type CampaignDataflowVerdict,
  checkCampaignDataflow,
} from "./check-dataflow.ts";
export { campaignLatency, type CampaignLatency, type LatencySummary, summariseLatency } from "./latency.ts";
export { campaignEvent, type CampaignEvent, type CampaignLog, type LogSettings } from "./source/log-event.ts";
export {
  type DeletedRecipients,
  laterWatermark,
  type LogWatermark,
  type ReadLogs,
  readLogs,
  type ReadRow,
  REISSUE_HOURS,
} from "./source/read-logs.ts";
export { CAMPAIGN_CODES } from "./errors.ts";
