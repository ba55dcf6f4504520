/** A body that is no file of its format, or a larger one than is taken. The message says what was expected. */
export class FileUnreadable extends Error {}
