/** Reason of `Io.signal`: somebody pressed Ctrl-C, or the process was told to end. */
export class Interrupted extends Error {
  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.name = 'Interrupted';
  }
}
