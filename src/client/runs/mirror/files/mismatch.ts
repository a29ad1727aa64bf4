/** What was stored is not what the manifest says. */
export class Mismatch extends Error {
  override readonly name = 'Mismatch';
}
