/** What `mapEntry` makes: an entry that `map` collects into a map. */
export class MapEntry {
  readonly key: unknown;
  readonly value: unknown;
  constructor(key: unknown, value: unknown) {
    this.key = key;
    this.value = value;
  }
}
